import socket
from pathlib import Path

from huitou_local import ports


def test_a_taken_port_is_replaced_by_one_that_no_client_is_given() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    with socket.socket() as taken:
        taken.bind((ports.HOST, 0))
        taken.listen(1)
        found = ports.free(taken.getsockname()[1])
    assert ports.LOWEST <= found < max(lowest, ports.UNSAFE)
    assert ports.free(found) == found
