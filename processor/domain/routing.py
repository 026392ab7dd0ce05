"""Routing: all events once more, each in its host's partition among a generation's own.

The law: of a log in which an event stands once, and maybe as forwarded copies, each event is handed on once,
in offset order, with its record's own time. Copies are passed over: the first generation made them, for its
own number of partitions. Void events go on as well, with a mark: their ids must stay known, so that one that
is sent again later is a duplicate.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import NamedTuple, Protocol

from processor.domain.config import FoldConfig
from processor.domain.corrections import CORRECTION_HEADER
from processor.domain.decode import decode
from processor.domain.events import Events
from processor.domain.forwarding import WHOLE_BYTES_MAX, settled_value
from processor.domain.partition import partition_of
from processor.domain.record import FROM_HEADER, DeadLetter, Record, header_of

__all__ = ["NOTHING_VOID", "VOID_HEADER", "Marked", "Routed", "RoutedEvent", "Void", "route"]

VOID_HEADER = "fleetfold-void"
"""Marks a routed event that a correction took back before the rebuild read it."""

_VOID_MARK = [(VOID_HEADER, b"1")]
_NO_HEADERS: list[tuple[str, bytes]] = []


class Void(Protocol):
    """Knows which events are void."""

    def __bool__(self) -> bool:
        """Whether any event can be."""

    def places(self, events: Events, partition: int) -> list[int]:
        """Return the places of the void ones among events that were read in a partition, in order."""


class _Nothing:
    def __bool__(self) -> bool:
        return False

    def places(self, events: Events, partition: int) -> list[int]:  # noqa: ARG002  # the protocol's signature
        return []


class _Marked:
    """Knows which routed events are void: those that say so."""

    def __bool__(self) -> bool:
        return True

    def places(self, events: Events, partition: int) -> list[int]:  # noqa: ARG002  # the protocol's signature
        """See Void."""
        marked = [bool(record.headers) for record in events.records]
        if True not in marked:
            return []
        suspects = compress(range(len(events)), marked)
        return [place for place in suspects if header_of(events.records[place], VOID_HEADER) is not None]


NOTHING_VOID: Void = _Nothing()
Marked: Void = _Marked()


class RoutedEvent(NamedTuple):
    """What is written for one event.

    Attributes:
        partition: its host's.
        host: the key: the host's id as UTF-8.
        value: as it came, but for a huge one.
        headers: none, or the mark of a void one.
        timestamp: of its record, in milliseconds since the epoch.
    """

    partition: int
    host: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    timestamp: int


@dataclass(slots=True)
class Routed:
    """What records came to.

    Attributes:
        events: what is handed on, in offset order.
        dead: records that are no events.
        ignored: how many had no value.
        passed_over: how many were copies, or parts of a correction.
    """

    events: list[RoutedEvent] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    ignored: int = 0
    passed_over: int = 0


def route(
    records: Sequence[Record], partition: int, partitions: int, config: FoldConfig, void: Void = NOTHING_VOID
) -> Routed:
    """Route a run of one partition's records, best about RUN_LENGTH of them at a time.

    Args:
        records: in offset order.
        partition: where they were read.
        partitions: how many the generation has.
        config: the folds' settings.
        void: knows what corrections took back.
    """
    marked = any([record.headers for record in records])  # noqa: C419  # a generator takes three times as long
    originals = list(_originals(records)) if marked else records
    decoded = decode(originals, config)
    events = decoded.events
    routed = Routed([], decoded.dead, decoded.ignored, len(records) - len(originals))
    routed.events = [
        RoutedEvent(
            partition_of(host, partitions), host, _fitting(record, host), _NO_HEADERS, record.timestamp
        )
        for host, record in zip(events.hosts, events.records, strict=True)
    ]
    if void:
        for place in void.places(events, partition):
            routed.events[place] = routed.events[place]._replace(headers=_VOID_MARK)
    return routed


def _fitting(record: Record, host: bytes) -> bytes:
    """Return the very bytes; of a huge event what the contract knows, since a key may come to it."""
    value = record.value or b""
    return value if len(value) <= WHOLE_BYTES_MAX else settled_value(value, host)


def _originals(records: Sequence[Record]) -> Iterable[Record]:
    for record in records:
        if not record.headers or not (
            header_of(record, FROM_HEADER) is not None or header_of(record, CORRECTION_HEADER) is not None
        ):
            yield record
