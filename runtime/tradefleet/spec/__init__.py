"""What a bot is: the TradingBot as msgspec structs, with everything that is known of each field.

`fields` says what can be known of a field, `bot` lists them all, `decode` turns a Kubernetes object
into a TradingBot or says what is wrong with it, `sharding` assigns symbols to shards, `snapshot` is
the form in which a configuration reaches a running process.
"""
