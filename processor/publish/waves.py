"""A host has at most 32 events on their way, so that a resend always meets the ring of its last 64 ids."""

from collections.abc import Iterable

from processor.publish.encoding import EncodedEvent

__all__ = ["HOST_UNACKNOWLEDGED_MAX", "WAVE_EVENTS", "wave_length"]

HOST_UNACKNOWLEDGED_MAX = 32
WAVE_EVENTS = 20_000


def wave_length(events: Iterable[EncodedEvent]) -> int:
    """Return how many of the first events may be on their way together."""
    of_host: dict[bytes, int] = {}
    length = 0
    for event in events:
        on_way = of_host.get(event.host, 0)
        if on_way == HOST_UNACKNOWLEDGED_MAX or length == WAVE_EVENTS:
            break
        of_host[event.host] = on_way + 1
        length += 1
    return length
