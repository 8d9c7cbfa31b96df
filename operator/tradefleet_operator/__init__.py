"""The Kubernetes operator: turns one TradingBot into the objects that should exist.

It imports `tradefleet.spec` and nothing else of the runtime (import-linter holds it).
"""
