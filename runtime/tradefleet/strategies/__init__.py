"""One file a strategy; the registry is the only line that another file needs."""
