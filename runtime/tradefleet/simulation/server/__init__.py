"""The simulator's wire: REST and WebSocket on one port, as Bybit V5 speaks them.

`app` builds the aiohttp application; `driver` moves the market with the wall clock; `public_*` serve
the market, `account_rest` and `private_stream` the account. Nothing in here decides what the market
or the account does: handlers translate, and the simulation's own packages answer.
"""
