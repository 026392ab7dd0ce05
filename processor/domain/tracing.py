"""What a generation's intake read of one host, told from the log alone.

The first generation reads the log itself, the host's partition, with the copies that were forwarded to it.
One from 2 on reads what was routed: every original, wherever it stood. Where originals of a host stand in
several partitions, their order is that of the log's time; a worker may have routed them in another one.
"""

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import accumulate

from processor.domain.record import FROM_HEADER, Record, Taken, generation_of, header_of, is_control
from processor.domain.routing import Void

__all__ = ["Placed", "lies_apart", "read_by_first", "read_by_rebuilt"]

Placed = tuple[int, Record]
"""A record of `outcome-events`, with its partition."""


def read_by_first(records: Iterable[Placed], home: int) -> list[Record]:
    """Return what the first generation's intake reads of a host.

    Args:
        records: of the host, each partition's in offset order.
        home: the host's partition.
    """
    return [each for number, each in records if number == home and _is_for(each, 1)]


def read_by_rebuilt(
    host: bytes, records: Iterable[Placed], generation: int, topic: str, obeyed: Void
) -> list[Record]:
    """Return what a rebuilt generation's intake reads of a host; originals say where they stand.

    Args:
        host: its id as UTF-8.
        records: of the host, each partition's in offset order.
        generation: which, from 2 on.
        topic: where they stand.
        obeyed: the corrections of its rebuild, which handed on nothing of a host that was forgotten later.
    """
    parts: dict[int, list[Record]] = {}
    for number, each in records:
        if not _is_original(each):
            continue
        if is_control(each):
            if _is_for(each, generation):
                parts.setdefault(number, []).append(each)
            continue
        if obeyed.forgets(host, number, each.offset):
            continue
        told = [(FROM_HEADER, f"{topic}/{number}/{each.offset}".encode())]
        taken = Taken(each.offset, each.timestamp, each.key, each.value, told)
        parts.setdefault(number, []).append(taken)
    return [record for _, record in merge(*map(_by_time, parts.values()), key=lambda pair: pair[0])]


def lies_apart(records: Iterable[Placed]) -> bool:
    """Say whether originals of a host stand in several partitions."""
    return len({number for number, each in records if _is_original(each) and not is_control(each)}) > 1


def _by_time(records: list[Record]) -> Iterator[tuple[int, Record]]:
    """Yield records with the newest time up to each: within a partition the order of offsets is the order."""
    return zip(accumulate((each.timestamp for each in records), max), records, strict=True)


def _is_for(record: Record, generation: int) -> bool:
    return not is_control(record) or generation_of(record) == generation


def _is_original(record: Record) -> bool:
    return not record.headers or header_of(record, FROM_HEADER) is None
