"""The public market, sans I/O: venue codecs, sequence rule, order book, trades, candles.

A raw frame becomes a typed value (`bybit_codec`), a book applies it behind the sequence rule (`book`,
`sequence`), trades become bars (`trades`, `bars`, `candles`). What cannot be used has a name (`faults`).
"""
