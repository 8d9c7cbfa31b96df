"""A loopback port that nobody uses now."""

import socket


def free_port() -> int:
    """Of the system's choice; it gives the same one again only after going round all of them."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
