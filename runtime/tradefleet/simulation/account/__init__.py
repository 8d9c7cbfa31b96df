"""The account of the simulated exchange: orders in, fills, positions and money out.

Read it in this order: `orders` and `ledger` are the plain values; `rules` says what may enter;
`liquidity` says how much of the displayed book is left and where we queue; `matching` lets orders
and market meet; `engine` is what a user can ask for; all of these are pure. `store` keeps the state
in a folder, `rows` writes it as Bybit does, `reads` answers questions, and `exchange` joins them to
a market. The wire (REST, WebSocket) is in `simulation.server`.
"""
