"""Names by which a service that listens on loopback may be called: one judge for all our HTTP services.

Without tokens a service listens on loopback only. A web page could still reach it through a name of its own
that it lets point to 127.0.0.1 (DNS rebinding); such a request carries that name in its Host header, which
no page can forge. What is not plainly a name of loopback is somebody else's.
"""

import re
from ipaddress import ip_address

__all__ = ["LoopbackHosts", "is_loopback"]

_KEPT = 16
# An address of version 6 in brackets, or a name or address of version 4; and a port.
_HOST = re.compile(rb"(?:\[(?P<v6>[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)\]|(?P<name>[0-9A-Za-z.-]+))(?::[0-9]{0,5})?")


def is_loopback(name: str) -> bool:
    """Tell whether a host's name or address can be reached from this machine alone.

    Args:
        name: without a port, and without brackets.
    """
    try:
        return name.lower() == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


class LoopbackHosts:
    """Judges Host headers, and remembers some that were ours: it stands in the way of every request."""

    def __init__(self) -> None:
        self._ours: set[bytes] = set()

    def ours(self, header: bytes) -> bool:
        """Tell whether a header names this machine's loopback.

        Args:
            header: as it came; a framework's own reading may put the server's name where it is strange.
        """
        if header in self._ours:
            return True
        found = _HOST.fullmatch(header)
        if found is None:
            return False
        if not is_loopback((found["name"] or found["v6"]).decode("ascii")):
            return False
        if len(self._ours) < _KEPT:  # a forger's variations are not to fill memory
            self._ours.add(header)
        return True
