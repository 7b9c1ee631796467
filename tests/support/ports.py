"""Ports of this machine that nothing listens on."""

import socket
from contextlib import ExitStack

from lakehouse.broker.config import LOOPBACK


def free_ports(count: int) -> list[int]:
    """That many different ports."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(count)]
        return [int(probe.getsockname()[1]) for probe in probes]
