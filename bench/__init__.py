"""Benchmarks: figures beside a named peer, taken in one run. `python -m bench` or `make bench`."""
