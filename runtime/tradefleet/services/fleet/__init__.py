"""The local fleet: `tradefleet up` on one machine, with every process and store real.

`supervisor` composes it: a data folder, embedded stores, the simulated exchange, an executor and a
process a shard, all kept alive by `process`. `config_watch` turns edits of the user's YAML into
numbered snapshots; `view`, `live_table` and `plain_lines` show what runs; `verify` compares, at the
end, what Postgres and the exchange say.
"""
