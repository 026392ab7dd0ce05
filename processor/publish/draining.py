"""All that waits on this machine is sent, in order, or it is said why not."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from processor.publish.publisher import PublishError, drain_wave, open_publisher
from processor.publish.spool import Spool, spools_in
from processor.publish.turns import turn
from processor.settings import Settings

__all__ = ["Waiting", "drain", "waiting_elsewhere"]


class Waiting(NamedTuple):
    """A spool that is not empty: its file, the Kafka and topic it is for, and how many events wait in it."""

    path: Path
    bootstrap: str
    topic: str
    events: int


async def drain(settings: Settings, spool: Spool, sent: Callable[[int], None] = lambda _count: None) -> int:
    """Send everything that waits, and return how many events that were.

    Args:
        settings: which Kafka.
        spool: what waits.
        sent: called with the number of events of each acknowledged wave.

    Raises:
        OptedOutError: nothing may be published from here.
        KafkaUnavailableError: no broker answers; what was not sent still waits.
        PublishError: some events were not acknowledged, or another process keeps the turn.
        SpoolError: the spool cannot be used.
    """
    total = 0
    async with open_publisher(settings) as publisher:
        while not spool.is_empty():
            async with turn(spool.path, settings.request_timeout_s) as ours:
                if not ours:
                    raise PublishError(f"another process of this machine sends: {spool.path} is in use")
                length = await drain_wave(spool, publisher)
            total += length
            sent(length)
    return total


def waiting_elsewhere(state_dir: Path, but: Path) -> list[Waiting]:
    """Return the other spools of a folder in which events wait, such as those for a Kafka that has moved.

    Raises:
        SpoolError: one of them cannot be used.
    """
    found = []
    for path in spools_in(state_dir):
        if path == but:
            continue
        spool = Spool(path, 0)
        about, events = spool.about(), spool.count()
        spool.close()
        if events:
            found.append(Waiting(path, about.get("bootstrap", "?"), about.get("topic", "?"), events))
    return found
