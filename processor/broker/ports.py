"""A broker's port lies below the range that the kernel gives to outgoing connections.

A client that keeps reconnecting to a closed port of that range can connect to itself and take the port.
"""

import random
import socket

from processor.broker.errors import PortTakenError

__all__ = ["LOOPBACK", "PORTS", "free_port", "is_free"]

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_000)

_ATTEMPTS = 200


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port now (with SO_REUSEADDR, as Java does)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)  # with SO_REUSEADDR a bind alone may pass beside another listener
        except OSError:
            return False
    return True


def free_port(taken: frozenset[int] = frozenset()) -> int:
    """Return a free port, chosen at random so that two starts at once seldom meet.

    Args:
        taken: ports that are promised to others already.

    Raises:
        PortTakenError: none of many tried was free.
    """
    chance = random.SystemRandom()
    for _attempt in range(_ATTEMPTS):
        port = chance.choice(PORTS)
        if port not in taken and is_free(port):
            return port
    raise PortTakenError(f"no free port between {PORTS.start} and {PORTS.stop}")
