"""Which hosts a correction concerns, and which records are theirs."""

from collections.abc import Iterator, Sequence

from processor.domain.config import FoldConfig
from processor.domain.corrections import Corrections, origin_of
from processor.domain.decode import RUN_LENGTH, decode
from processor.domain.names import Book
from processor.domain.record import FROM_HEADER, Record, Taken, header_of, is_control

__all__ = ["Named", "named_in", "records_of"]

Named = tuple[bytes, tuple[int, int], bool]
"""A host that a correction names an event of; where the event's original stands; whether this is a copy."""


def named_in(
    records: Sequence[Record], partition: int, corrections: Corrections, config: FoldConfig
) -> Iterator[Named]:
    """Yield the events that corrections name.

    Args:
        records: of one partition of `outcome-events`, in offset order.
        partition: its number.
        corrections: what names them.
        config: the folds' settings.
    """
    for run in _runs([record for record in records if not is_control(record)]):
        book = Book()
        events = decode(run, config, book).events
        for place in corrections.places(events, book, partition):
            event = events.one(place, book)
            is_copy = header_of(event.record, FROM_HEADER) is not None
            yield event.host, origin_of(event.record, partition), is_copy


def records_of(
    hosts: frozenset[bytes], records: Sequence[Record], config: FoldConfig
) -> Iterator[tuple[bytes, Record]]:
    """Yield the records of some hosts, each with its host: events, and control records.

    Args:
        hosts: their ids as UTF-8.
        records: of one partition of `outcome-events`, in offset order.
        config: the folds' settings.
    """
    for run in _runs(records):
        book = Book()
        controls = [each for each in run if is_control(each)]
        events = decode([each for each in run if not is_control(each)], config, book).events
        numbers = {book.hosts[host]: host for host in book.hosts.keys() & hosts}
        found = [
            (numbers[number], Taken._make(fields))
            for number, fields in zip(events.hosts.tolist(), events.records, strict=True)
            if number in numbers
        ]
        found += [(each.key or b"", _taken(each)) for each in controls if each.key in hosts]
        yield from sorted(found, key=lambda each: each[1].offset)


def _runs(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Yield runs of the length that decoding likes."""
    for first in range(0, len(records), RUN_LENGTH):
        yield records[first : first + RUN_LENGTH]


def _taken(record: Record) -> Taken:
    return Taken(record.offset, record.timestamp, record.key, record.value, record.headers)
