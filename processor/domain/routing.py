"""Routing: all events once more, each in its host's partition among a generation's own.

The law: of a log in which an event stands once, and maybe as forwarded copies, each event is handed on once,
in offset order, with its record's own time. Copies are passed over: the first generation made them, for its
own number of partitions. Void events go on as well, with a mark: their ids must stay known, so that one that
is sent again later is a duplicate. But what a host sent before it was forgotten goes nowhere: with the host
went what was known of it. A control record for this generation is handed on in its place among the events.
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Protocol

from processor.domain.config import FoldConfig
from processor.domain.decode import decode
from processor.domain.events import Events
from processor.domain.forwarding import WHOLE_BYTES_MAX, settled_value
from processor.domain.names import Book
from processor.domain.partition import partition_of
from processor.domain.record import (
    CORRECTION_HEADER,
    FROM_HEADER,
    DeadLetter,
    Record,
    Taken,
    generation_of,
    header_of,
    is_control,
)

__all__ = ["NOTHING_VOID", "VOID_HEADER", "Marked", "Routed", "RoutedEvent", "RoutedRecord", "Void", "route"]

VOID_HEADER = "fleetfold-void"
"""Marks a routed event that a correction took back before the rebuild read it."""

_VOID_MARK = [(VOID_HEADER, b"1")]
_OFFSET, _HEADERS = map(Taken._fields.index, ("offset", "headers"))
_NO_HEADERS: list[tuple[str, bytes]] = []


class Void(Protocol):
    """Knows which events are void."""

    def __bool__(self) -> bool:
        """Whether any event can be."""

    def places(self, events: Events, book: Book, partition: int) -> list[int]:
        """Return the places of the void ones among events, decoded with a book, of a partition, in order."""

    def forgets(self, host: bytes, partition: int, offset: int) -> bool:
        """Say whether a void event is to leave no trace, as its host was forgotten later."""


class _Nothing:
    def __bool__(self) -> bool:
        return False

    def forgets(self, host: bytes, partition: int, offset: int) -> bool:  # noqa: ARG002  # the protocol's signature
        return False

    def places(self, events: Events, book: Book, partition: int) -> list[int]:  # noqa: ARG002  # the protocol's signature
        return []


class _Marked(_Nothing):
    """Knows which routed events are void: those that say so."""

    def __bool__(self) -> bool:
        return True

    def places(self, events: Events, book: Book, partition: int) -> list[int]:  # noqa: ARG002  # the protocol's signature
        """See Void."""
        if not any([record[_HEADERS] for record in events.records]):  # noqa: C419  # a generator takes three times as long
            return []
        taken = enumerate(map(Taken._make, events.records))
        return [place for place, each in taken if each.headers and header_of(each, VOID_HEADER) is not None]


NOTHING_VOID: Void = _Nothing()
Marked: Void = _Marked()


RoutedRecord = tuple[bytes, bytes, list[tuple[str, bytes]], int]
"""What is written for an event: its host as the key; its value, but for a huge one as it came; no headers but
the mark of a void one; the time of its record, in milliseconds since the epoch."""

RoutedEvent = tuple[int, RoutedRecord]
"""The partition of an event's host, and what is written there."""


@dataclass(slots=True)
class Routed:
    """What records came to.

    Attributes:
        events: what is handed on, in offset order.
        dead: records that are no events.
        ignored: how many had no value.
        passed_over: how many were copies, or parts of a correction of another generation.
        forgotten: how many were a host's that was forgotten later.
    """

    events: list[RoutedEvent] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    ignored: int = 0
    passed_over: int = 0
    forgotten: int = 0


def route(
    records: Sequence[Record], partition: int, config: FoldConfig, book: Book, void: Void = NOTHING_VOID
) -> Routed:
    """Route a run of one partition's records, best about RUN_LENGTH of them at a time.

    Args:
        records: in offset order.
        partition: where they were read.
        config: the folds' settings, with the number of the generation's partitions.
        book: of the batch.
        void: knows what corrections took back.
    """
    marked = any([record.headers for record in records])  # noqa: C419  # a generator takes three times as long
    originals = list(filter(_is_original, records)) if marked else records
    decoded = decode(originals, config, book)
    names, numbers = book.hosts.by_number, decoded.events.hosts.tolist()
    homes = {number: partition_of(names[number], config.partitions) for number in set(numbers)}
    hosts = [names[number] for number in numbers]
    values = [
        value if len(value) <= WHOLE_BYTES_MAX else settled_value(value, host)  # a key may come to it
        for host, (_, _, _, value, _) in zip(hosts, decoded.events.records, strict=True)
    ]
    times = [taken[1] for taken in decoded.events.records]
    routed = Routed([], decoded.dead, decoded.ignored, len(records) - len(originals))
    written = zip(hosts, values, repeat(_NO_HEADERS), times, strict=False)
    routed.events = list(zip(map(homes.__getitem__, numbers), written, strict=True))
    offsets = [taken[_OFFSET] for taken in decoded.events.records]
    if void:
        gone = _mark(routed, decoded.events, void.places(decoded.events, book, partition), partition, void)
        offsets = [offset for place, offset in enumerate(offsets) if place not in gone]
    if marked:
        _put_between(routed, offsets, records, config)
    return routed


def _put_between(
    routed: Routed, offsets: Sequence[int], records: Sequence[Record], config: FoldConfig
) -> None:
    """Put this generation's control records between the events, each where it stands.

    Args:
        routed: changed in place.
        offsets: of its events.
        records: of the run.
        config: the folds' settings.
    """
    own = [each for each in records if is_control(each) and generation_of(each) == config.generation > 1]
    for record in reversed(own):
        host = record.key or b""
        headers = [(name, value or b"") for name, value in record.headers]
        written = host, record.value or b"", headers, record.timestamp
        event = partition_of(host, config.partitions), written
        routed.events.insert(bisect_left(offsets, record.offset), event)
    routed.passed_over -= len(own)


def _mark(
    routed: Routed, events: Events, places: Sequence[int], partition: int, void: Void
) -> Collection[int]:
    """Mark the routed events at the places of the void ones; those that leave no trace go: return which."""
    forgotten: set[int] = set()
    for place in places:
        home, (host, value, _, time) = routed.events[place]
        routed.events[place] = home, (host, value, _VOID_MARK, time)
        if void.forgets(host, partition, events.records[place][_OFFSET]):
            forgotten.add(place)
    if forgotten:
        routed.events = [each for place, each in enumerate(routed.events) if place not in forgotten]
        routed.forgotten = len(forgotten)
    return forgotten


def _is_original(record: Record) -> bool:
    return not record.headers or (
        header_of(record, FROM_HEADER) is None and header_of(record, CORRECTION_HEADER) is None
    )
