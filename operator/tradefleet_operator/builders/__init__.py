"""One small function for each kind of object: a bot in, a mapping out, nothing read and nothing decided."""
