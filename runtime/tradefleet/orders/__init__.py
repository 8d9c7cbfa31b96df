"""Client order ids, the order's states, outcomes of a send, reconciliation: pure decisions."""
