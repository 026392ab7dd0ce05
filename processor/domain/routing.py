"""Routing: all events once more, each in its host's partition among a generation's own.

The law: of a log in which an event stands once, and maybe as forwarded copies, each event is handed on once,
in offset order, with its record's own time. Copies are passed over: the first generation made them, for its
own number of partitions. Void events go on as well, with a mark: their ids must stay known, so that one that
is sent again later is a duplicate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from processor.domain.config import FoldConfig
from processor.domain.decode import decode
from processor.domain.events import Events
from processor.domain.forwarding import WHOLE_BYTES_MAX, settled_value
from processor.domain.names import Book
from processor.domain.partition import partition_of
from processor.domain.record import CORRECTION_HEADER, FROM_HEADER, DeadLetter, Record, Taken, header_of

__all__ = ["NOTHING_VOID", "VOID_HEADER", "Marked", "Routed", "RoutedEvent", "Void", "route"]

VOID_HEADER = "fleetfold-void"
"""Marks a routed event that a correction took back before the rebuild read it."""

_VOID_MARK = [(VOID_HEADER, b"1")]
_NO_HEADERS: list[tuple[str, bytes]] = []


class Void(Protocol):
    """Knows which events are void."""

    def __bool__(self) -> bool:
        """Whether any event can be."""

    def places(self, events: Events, book: Book, partition: int) -> list[int]:
        """Return the places of the void ones among events, decoded with a book, of a partition, in order."""


class _Nothing:
    def __bool__(self) -> bool:
        return False

    def places(self, events: Events, book: Book, partition: int) -> list[int]:  # noqa: ARG002  # the protocol's signature
        return []


class _Marked:
    """Knows which routed events are void: those that say so."""

    def __bool__(self) -> bool:
        return True

    def places(self, events: Events, book: Book, partition: int) -> list[int]:  # noqa: ARG002  # the protocol's signature
        """See Void."""
        taken = enumerate(map(Taken._make, events.records))
        return [place for place, each in taken if each.headers and header_of(each, VOID_HEADER) is not None]


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
    routed = Routed([], decoded.dead, decoded.ignored, len(records) - len(originals))
    routed.events = [
        RoutedEvent(homes[number], names[number], _fitting(value, names[number]), _NO_HEADERS, timestamp)
        for number, (_, timestamp, _, value, _) in zip(numbers, decoded.events.records, strict=True)
    ]
    if void:
        for place in void.places(decoded.events, book, partition):
            routed.events[place] = routed.events[place]._replace(headers=_VOID_MARK)
    return routed


def _fitting(value: bytes | None, host: bytes) -> bytes:
    """Return the very bytes; of a huge event what the contract knows, since a key may come to it."""
    whole = value or b""
    return whole if len(whole) <= WHOLE_BYTES_MAX else settled_value(whole, host)


def _is_original(record: Record) -> bool:
    return not record.headers or (
        header_of(record, FROM_HEADER) is None and header_of(record, CORRECTION_HEADER) is None
    )
