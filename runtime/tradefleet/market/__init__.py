"""The public market, sans I/O: venue codecs, sequence rule, order book, trades, candles."""
