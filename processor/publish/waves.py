"""A host has at most 32 events on their way, so that a resend always meets the ring of its last 64 ids."""

__all__ = ["HOST_UNACKNOWLEDGED_MAX", "WAVE_EVENTS", "Wave"]

HOST_UNACKNOWLEDGED_MAX = 32
WAVE_EVENTS = 20_000


class Wave:
    """Which events may be on their way together: all, in their order, up to the first that it does not take.

    Its length is how many it took.
    """

    __slots__ = ("_length", "_of_host")

    def __init__(self) -> None:
        self._of_host: dict[bytes, int] = {}
        self._length = 0

    def takes(self, host: bytes) -> bool:
        """Take the next event, which is of this host; returns whether it has room in this wave."""
        on_way = self._of_host.get(host, 0)
        if on_way == HOST_UNACKNOWLEDGED_MAX or self._length == WAVE_EVENTS:
            return False
        self._of_host[host] = on_way + 1
        self._length += 1
        return True

    def __len__(self) -> int:
        return self._length
