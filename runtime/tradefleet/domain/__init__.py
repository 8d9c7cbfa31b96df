"""Plain values of the field: instruments, quantities, orders, fills, positions, signals."""
