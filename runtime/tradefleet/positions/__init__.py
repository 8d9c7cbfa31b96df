"""Positions as sums of fills, and the plans by which they end."""
