"""Composition roots: each module wires pure core and adapters into one program, nothing else."""
