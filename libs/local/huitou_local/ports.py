"""Ports on the loopback address."""

import socket

HOST = "127.0.0.1"


def free(wanted: int = 0) -> int:
    """The wanted port, or any free one where it is taken or 0."""
    with socket.socket() as probe:
        # As the servers do: a port of a connection that has just ended is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
            probe.listen(1)
        except OSError:
            return free()
        port: int = probe.getsockname()[1]
        return port


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((HOST, port)) == 0
