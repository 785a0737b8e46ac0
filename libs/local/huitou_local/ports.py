"""Ports on the loopback address.

A server that is started again must find its port free. The kernel gives the ports of the ephemeral range to any client
that connects meanwhile, so none of those is chosen.
"""

import random
import socket
from pathlib import Path

HOST = "127.0.0.1"
LOWEST, UNSAFE = 10_000, 32_768
TRIED = 200
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free(wanted: int = 0) -> int:
    """The wanted port, or any free one where it is taken or 0."""
    lowest = int(EPHEMERAL.read_text().split()[0])
    others = range(LOWEST, lowest if lowest > LOWEST + TRIED else UNSAFE)
    for port in (*([wanted] if wanted else []), *random.sample(others, k=TRIED)):
        if is_free(port):
            return port
    raise RuntimeError(f"no port of {others} is free on {HOST}")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: a port of a connection that has just ended is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
        return True


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((HOST, port)) == 0
