"""A Bybit V5 exchange for tests, demo and paper: replayed market, matching engine, REST and WebSocket."""
