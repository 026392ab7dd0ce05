"""Taking back: what void events had changed in a component's row and history leaves them again.

Counts are sums, so what is left is exact at once. Times are extremes, from which nothing can be subtracted:
where a time of the row may be that of a void event, the row says so (`has_stale_times`), until a rebuild.
A row of which no event is left goes with a tombstone, and everything it said with it.

Rows that a release before wrote count one deprecation, no sessions and no hours: of these no more is taken
back than they have.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from processor.domain.history import STEP, Change, Counts, taken_back
from processor.domain.merge import NegativeCountError
from processor.domain.notes import Notes, later
from processor.domain.packing import Delta
from processor.domain.stats import Stats

__all__ = ["histories_without", "rows_without", "take_back"]


def rows_without(changes: Iterable[Delta], row_of: Callable[[str], Stats | None]) -> dict[str, Stats | None]:
    """Return the rows that the changes touch, as they are now; None for a row that goes.

    Args:
        changes: what is taken back, a component any number of times.
        row_of: gives a component's row so far, or None.

    Raises:
        NegativeCountError: more is taken back than was counted. It comes after what it takes back, so that
            none can.
    """
    rows: dict[str, Stats | None] = {}
    for component, change, _ in changes:
        known = rows[component] if component in rows else row_of(component)
        rows[component] = take_back(component, known, change)
    return rows


def histories_without(
    changes: Iterable[Delta], states: Mapping[bytes, bytes]
) -> Iterator[tuple[str, bytes, Change]]:
    """Yield the components whose history changes, each with its key among the states and the change.

    Args:
        changes: what is taken back.
        states: the histories so far, by the components' ids in UTF-8; may change between two steps.
    """
    for component, _, spread in changes:
        key = component.encode()
        state = states.get(key)
        if spread is not None and spread[0] and state is not None:
            yield component, key, taken_back(state, _by_number(spread[0]), _by_number(spread[1]))


def _by_number(flat: Sequence[int]) -> dict[int, Counts]:
    return {flat[at]: flat[at + 1 : at + STEP] for at in range(0, len(flat), STEP)}


def take_back(component: str, row: Stats | None, change: Stats) -> Stats | None:
    """Return what is left of a row, None if no event is.

    Args:
        component: for the error's text.
        row: as it is; None if there is none.
        change: counts, none above 0, and the times of the void events; or a revocation alone.

    Raises:
        NegativeCountError: more is taken back than was counted.
    """
    if row is None:
        if any(change[:4]):
            raise NegativeCountError(f"{component!r} has no row to take {change[:4]} back from")
        return None
    counts = (row[0] + change[0], row[1] + change[1], row[2] + change[2], row[3] + change[3])
    if min(counts) < 0:
        raise NegativeCountError(f"{component!r} would be counted {counts}")
    is_stale = (
        _may_be_first(row[4], change[4]) or _may_be_last(row[5], change[5]) or _may_be_last(row[6], change[6])
    )
    notes = _left(row[7], change[7], is_stale)
    if not any(counts) and (notes is None or not notes[0]):
        return None
    times_us = row[4], row[5] if counts[0] else None, row[6] if counts[1] else None
    return (*counts, *times_us, notes, max(row[8] + change[8], 0))


def _left(notes: Notes | None, change: Notes | None, is_stale: bool) -> Notes | None:
    """Return what is left of the notes."""
    count, first_us, last_us, revoked_us, was_stale = notes or (0, None, None, None, False)
    if change is not None:
        count = max(count + change[0], 0)
        is_stale = is_stale or _may_be_first(first_us, change[1]) or _may_be_last(last_us, change[2])
        revoked_us = later(revoked_us, change[3])
    if not count:
        first_us = last_us = None
    if revoked_us is not None:
        first_us = None
    left = (count, first_us, last_us, revoked_us, is_stale or was_stale)
    return None if left == (0, None, None, None, False) else left


def _may_be_first(time_us: int | None, void_us: int | None) -> bool:
    """Say whether a row's first time may be that of a void event, given the first of those.

    That may lie before the row's: an earlier correction took the row away, and another one came.
    """
    return time_us is not None and void_us is not None and void_us <= time_us


def _may_be_last(time_us: int | None, void_us: int | None) -> bool:
    """Say the same of a last time, given the last of the void events."""
    return time_us is not None and void_us is not None and void_us >= time_us
