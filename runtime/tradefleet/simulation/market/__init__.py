"""The simulator's market: a recording replayed for ever, as plain values and without a clock.

`track` is one symbol's decoded recording, shared by its copies; `replay` holds a `SymbolReplay` for
each traded name and steps them all with `advance_to`. No module here opens a socket or reads a clock.
"""
