"""Kernels that turn a book or a flow into numbers; each docstring is its specification."""
