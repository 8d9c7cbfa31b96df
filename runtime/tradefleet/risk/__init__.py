"""Rules that say yes, less or no to an order, and why, to a person."""
