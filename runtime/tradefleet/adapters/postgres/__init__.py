"""Postgres: what must not be lost.

`migrations` makes the tables, `lease` says who leads an account, `journal` writes down what is meant
before it is done and gives it back to the next epoch. docs/stores.md explains tables and rules.
"""
