"""Tradefleet's runtime: shards that turn market data into signals, one executor that turns signals into orders.

Folders, from what knows least to what knows most: spec, domain, market, features, then
strategies, models, risk, positions and orders beside each other, core, adapters and
simulation, services, cli. Imports go only from a later one to an earlier one; everything
up to core is pure (docs/architecture.md).
"""
