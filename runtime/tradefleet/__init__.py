"""Tradefleet's runtime: shards turn market data into signals, one elected executor turns signals into orders.

Folders, from what knows least to what knows most: spec, domain, market, features, then
strategies, models, risk, positions and orders beside each other, core, adapters and
simulation, services, cli. Imports go only from a later one to an earlier one; everything
up to core is pure (docs/architecture.md).
"""
