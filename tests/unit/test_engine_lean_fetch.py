"""Runs of records that are made while they are looped over, without a broker."""

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from processor.lean_fetch import Run, _take


class Record(NamedTuple):
    """As much of a record as is looked at."""

    offset: int


class RecordBatch:
    """As aiokafka's: it spans offsets, is looped over once, and a compaction may have taken records away."""

    def __init__(self, base_offset: int, *offsets: int, next_offset: int) -> None:
        self.base_offset, self.next_offset = base_offset, next_offset
        self._records = iter([Record(offset) for offset in offsets])

    def __iter__(self) -> Iterator[Record]:
        return self._records


def pieces() -> deque[Any]:
    return deque([RecordBatch(0, 0, 1, next_offset=2), RecordBatch(2, 2, 3, 4, next_offset=5)])


def taken(left: deque[Any], limit: int | None) -> tuple[list[int], int]:
    found, length = _take(left, limit)
    return [record.offset for piece in found for record in piece], length


@pytest.mark.parametrize(
    ("limit", "offsets"), [(None, [0, 1, 2, 3, 4]), (5, [0, 1, 2, 3, 4]), (4, [0, 1]), (2, [0, 1])]
)
def test_record_batches_are_taken_whole(limit: int | None, offsets: list[int]) -> None:
    """The limit is kept by leaving a record batch for the next time."""
    assert taken(pieces(), limit) == (offsets, len(offsets))


def test_a_record_batch_over_the_limit_is_cut() -> None:
    """One larger than the limit is handed out in parts, with nothing lost between."""
    left = pieces()
    assert [taken(left, 1)[0] for _ in range(5)] == [[0], [1], [2], [3], [4]]
    assert not left


def test_what_a_compaction_emptied_is_no_run() -> None:
    """Record batches that a compaction has emptied are passed over: a run has a first record."""
    left = deque([RecordBatch(0, next_offset=9), RecordBatch(9, 9, next_offset=10)])
    assert taken(left, 100) == ([9], 1)
    assert taken(deque([RecordBatch(0, next_offset=9)]), 100) == ([], 0)


def test_a_run_is_looped_over_once() -> None:
    """A second loop would silently find nothing: it is an error."""
    found, length = _take(pieces(), None)
    run = Run(found, length)
    assert run.first.offset == 0
    assert [record.offset for record in run] == [0, 1, 2, 3, 4]
    assert len(run) == 5
    with pytest.raises(RuntimeError, match="once"):
        iter(run)
