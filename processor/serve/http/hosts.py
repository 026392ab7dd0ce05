"""Names by which a service on loopback may be called.

Without tokens the service listens on loopback only. A web page could still reach it through a name of its own
that it lets point to 127.0.0.1 (DNS rebinding); such a request carries that name in its Host header.
"""

from ipaddress import ip_address

__all__ = ["LoopbackHosts", "is_loopback"]


def is_loopback(host: str) -> bool:
    """Tell whether an address can be reached from this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class LoopbackHosts:
    """Judges Host headers, and remembers those that were ours."""

    def __init__(self) -> None:
        self._ours: set[bytes] = set()

    def ours(self, header: bytes) -> bool:
        """Tell whether the header names this machine's loopback."""
        if header in self._ours:
            return True
        text = header.decode("latin-1").lower()
        name, _, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
        name = name or port
        if name != "localhost" and not is_loopback(name.removeprefix("[").removesuffix("]")):
            return False
        if len(self._ours) < 16:  # noqa: PLR2004 -- a few; a forger's variations are not to fill memory
            self._ours.add(header)
        return True
