"""Fixtures of the scenarios at full length; the short ones in tests/integration/executor share them."""

from tests.chaos.scenes import fleet, stores

__all__ = ["fleet", "stores"]
