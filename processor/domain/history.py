"""A component's history: its counts by hour and by day, over a window that its own newest event ends.

The law: what is kept of two histories taken together is their sum, and of that what the newest hour of both
leaves: 90 whole days, and hours for those days of which one is among the last 48. The newest hour never goes
back, so what an earlier one cut off, a later one would have cut off too: neither order nor grouping of events
can change what is left. A change and a state say the same in two forms.

There may be millions of components, so a state is bytes, and few: JSON of the days that have hours, at most
three; and behind a line break, once there are any, the other days, which most changes need not even read.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from schemas.history import DAYS, HOURS

__all__ = [
    "HOUR_US",
    "NO_HISTORY",
    "NO_SPREAD",
    "SPREAD_BYTES_MAX",
    "STEP",
    "Change",
    "Counts",
    "Day",
    "Spread",
    "add",
    "changed",
    "changed_in_hour",
    "spread_of",
    "taken_back",
    "with_day",
]

HOUR_US: Final = 3_600_000_000

STEP: Final = 5
"""Days and hours are flat lists: a number and four counts, then the next number."""

Counts = Sequence[int]
"""Successes, failures, uses, removals."""

Day = list[int]
"""The day since the epoch and its counts; behind them, as long as hours are kept, the hours with a count, in
order: 0 to 23 and its counts."""

Change = tuple[bytes, list[tuple[int, Day | None]]]
"""A history's new state; and by number the days that are other ones than before, None for one that leaves."""

Spread = tuple[list[int], list[int]]
"""Counts by hour since the epoch, and by day since the epoch: of those days that have no hours beside the
newest of these hours."""

NO_SPREAD: Final[Spread] = ([], [])

NO_HISTORY: Final = b"[]"
"""The state of a component of which every day was taken back."""

_HOURS_A_DAY: Final = 24
_DAYS_WITH_HOURS: Final = HOURS // _HOURS_A_DAY + 1

SPREAD_BYTES_MAX: Final = (_DAYS_WITH_HOURS * _HOURS_A_DAY + DAYS) * (8 + 4 * 21) + 6
"""No spread is longer as JSON: an hour takes 7 digits and a comma, a count 20 and a comma."""


def _hours_from(newest_hour: int) -> int:
    """Return the first day whose hours are kept beside a newest hour."""
    return (newest_hour - HOURS + 1) // _HOURS_A_DAY


def _days_from(newest_hour: int) -> int:
    """Return the first day that is kept beside a newest hour."""
    return newest_hour // _HOURS_A_DAY - DAYS + 1


def add(sums: dict[int, list[int]], key: int, counts: Counts) -> None:
    """Add counts to those of an hour or a day, which may have none yet."""
    known = sums.get(key)
    if known is None:
        sums[key] = [*counts]
    else:
        _add_at(known, 0, counts)


def _add_at(numbers: list[int], at: int, counts: Counts) -> None:
    successes, failures, uses, removals = counts
    numbers[at] += successes
    numbers[at + 1] += failures
    numbers[at + 2] += uses
    numbers[at + 3] += removals


def spread_of(hours: Mapping[int, Counts]) -> Spread:
    """Return counts by hour as a change, which is never long, however far apart the hours are.

    Args:
        hours: by hour since the epoch, at least one.
    """
    newest = max(hours)
    hours_from, days_from = _hours_from(newest), _days_from(newest)
    kept: list[int] = []
    days: dict[int, list[int]] = {}
    for hour, counts in sorted(hours.items()):
        number = hour // _HOURS_A_DAY
        if number >= hours_from:
            kept += (hour, *counts)
        elif number >= days_from:
            add(days, number, counts)
    return kept, [each for number, counts in days.items() for each in (number, *counts)]


def changed_in_hour(state: bytes | None, hour: int, counts: Counts) -> Change:
    """Return a component's history with counts of one hour taken in: quickly, if it is the newest so far.

    Args:
        state: what was kept so far; None for a component without history.
        hour: since the epoch.
        counts: not all of them 0.
    """
    number, of_day = divmod(hour, _HOURS_A_DAY)
    if state is None:
        day = [number, *counts, of_day, *counts]
        return _written([day], b""), [(number, day)]
    head, _, rest = state.partition(b"\n")
    recent: list[Day] = orjson.loads(head)
    day = recent[-1]
    if day[0] != number or day[-STEP] > of_day or recent[0][0] < _hours_from(hour):
        return changed(state, {hour: counts}, {})
    _add_at(day, 1, counts)
    if day[-STEP] == of_day:
        _add_at(day, 1 - STEP, counts)
    else:
        day += (of_day, *counts)
    return _written(recent, rest), [(number, day)]


def changed(state: bytes | None, hours: Mapping[int, Counts], days: Mapping[int, Counts]) -> Change:
    """Return a component's history with a change taken in.

    Args:
        state: what was kept so far; None for a component without history.
        hours: by hour since the epoch, at least one, with counts that are not all 0.
        days: by day since the epoch, those that came without hours.
    """
    recent, rest = _read(state)
    newest = max(hours)
    if recent:
        newest = max(newest, max(recent) * _HOURS_A_DAY + recent[max(recent)][-STEP])
    hours_from, days_from = _hours_from(newest), _days_from(newest)
    rows: dict[int, Day | None] = {}
    late = {number: [*counts] for number, counts in days.items()}
    for hour, counts in hours.items():
        number, of_day = divmod(hour, _HOURS_A_DAY)
        if number >= hours_from:
            day = rows[number] = recent.setdefault(number, [number, 0, 0, 0, 0])
            _add_hour(day, of_day, counts)
        else:
            add(late, number, counts)
    leaving = [recent.pop(number) for number in sorted(recent) if number < hours_from]
    if late or leaving or (rest and _first_day(rest) < days_from):
        others = _by_number(rest)
        rows |= _settle(others, leaving, late, days_from)
        rest = _flat(others)
    return _written([recent[number] for number in sorted(recent)], rest), list(rows.items())


def with_day(state: bytes | None, number: int, day: Day | None) -> bytes | None:
    """Return what is kept of a history in which one day is this; None if nothing is left.

    Args:
        state: what was kept so far, or None.
        number: of the day since the epoch.
        day: None takes it out.
    """
    recent, rest = _read(state)
    recent.pop(number, None)
    if day is not None and len(day) > STEP:
        recent[number] = day
        day = None
    if rest or day is not None:
        others = _by_number(rest)
        others.pop(number, None)
        if day is not None:
            others[number] = day
        rest = _flat(others)
    return _written([recent[each] for each in sorted(recent)], rest) if recent or rest else None


def _settle(
    others: dict[int, Day], leaving: list[Day], late: Mapping[int, Counts], days_from: int
) -> dict[int, Day | None]:
    """Bring the days without hours up to date, in place; return those that are other ones than before.

    Args:
        others: the days without hours, by number.
        leaving: days whose hours are no longer kept.
        late: counts of days that have no hours.
        days_from: days before this one are no longer kept.
    """
    rows: dict[int, Day | None] = {}
    for day in leaving:
        others[day[0]] = rows[day[0]] = day[:STEP]
    for number, counts in late.items():
        if number >= days_from:
            day = rows[number] = others.setdefault(number, [number, 0, 0, 0, 0])
            _add_at(day, 1, counts)
    for number in [number for number in others if number < days_from]:
        del others[number]
        rows[number] = None
    return rows


def _read(state: bytes | None) -> tuple[dict[int, Day], bytes]:
    """Return the days that have hours, by number, and the other days as they are written."""
    if state is None:
        return {}, b""
    head, _, rest = state.partition(b"\n")
    return {day[0]: day for day in orjson.loads(head)}, rest


def _written(recent: list[Day], rest: bytes) -> bytes:
    """Return a state, in a buffer no larger than itself, as orjson's own is not."""
    head = orjson.dumps(recent)
    return b"%b\n%b" % (head, rest) if rest else bytes(memoryview(head))


def _first_day(rest: bytes) -> int:
    return int(rest[1 : rest.index(b",")])


def _by_number(rest: bytes) -> dict[int, Day]:
    numbers = orjson.loads(rest) if rest else []
    return {numbers[at]: numbers[at : at + STEP] for at in range(0, len(numbers), STEP)}


def _flat(days: Mapping[int, Day]) -> bytes:
    return orjson.dumps([each for number in sorted(days) for each in days[number]]) if days else b""


def _add_hour(day: Day, hour: int, counts: Counts) -> None:
    """Add counts to a day and to one of its hours, in place; hours stay in order."""
    _add_at(day, 1, counts)
    at = len(day)
    while at > STEP and day[at - STEP] > hour:
        at -= STEP
    if at > STEP and day[at - STEP] == hour:
        _add_at(day, at - STEP + 1, counts)
    else:
        day[at:at] = (hour, *counts)


def taken_back(state: bytes, hours: Mapping[int, Counts], days: Mapping[int, Counts]) -> Change:
    """Return a history without counts that were taken into it; an hour or day of which nothing is left goes.

    How far the window reaches back is not changed by it: what the newest hour cut off is gone, though that
    hour may be one that goes.

    Args:
        state: what was kept so far.
        hours: by hour since the epoch, at least one, none of them newer than the newest; counts below 0.
        days: by day since the epoch, those that came without hours.
    """
    new, rows = changed(state, hours, days)
    recent, rest = _read(new)
    others = _by_number(rest)
    left: list[tuple[int, Day | None]] = []
    for number, day in rows:
        kept = None if day is None else _without_nothing(day)
        left.append((number, kept))
        recent.pop(number, None)
        others.pop(number, None)
        if kept is not None:
            (recent if len(kept) > STEP else others)[number] = kept
    return _written([recent[number] for number in sorted(recent)], _flat(others)), left


def _without_nothing(day: Day) -> Day | None:
    """Return a day without the hours that have no counts; None if it has none itself."""
    kept = [day[0], *(max(each, 0) for each in day[1:STEP])]
    if not any(kept[1:]):
        return None
    for at in range(STEP, len(day), STEP):
        counts = [max(each, 0) for each in day[at + 1 : at + STEP]]
        if any(counts):
            kept += (day[at], *counts)
    return kept
