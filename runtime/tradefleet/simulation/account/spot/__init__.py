"""Spot: coins instead of positions, beside the account's contracts and out of the same wallet.

`requests` reads and judges what a client asks, `engine` matches, `desk` moves coins and holds back
what orders may need, `rules` says what may enter. Shared with the contracts: orders and fills as
values, the displayed book's liquidity, the store, the rows.
"""
