"""Components: deltas are merged into the components' rows and histories. Sums, in any order and any grouping.

Mostly all deltas of a component in a batch are of one hour: then its history changes by what its row changes
by, and nothing need be added up for it by the way.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from processor.domain.history import HOUR_US, STEP, Change, Counts, Spread, add, changed, changed_in_hour
from processor.domain.merge import NegativeCountError
from processor.domain.packing import Delta
from processor.domain.stats import EMPTY, Stats, merge

__all__ = ["Components"]

_NOTHING: Mapping[int, Counts] = {}


class Components:
    """What the deltas of one batch change.

    Args:
        row_of: gives a component's row before the batch, or None.

    Attributes:
        rows: the rows that were touched, as they are now.
    """

    def __init__(self, row_of: Callable[[str], Stats | None]) -> None:
        self.rows: dict[str, Stats] = {}
        self._row_of = row_of
        self._before: dict[str, Stats] = {}
        self._hour: dict[str, int | None] = {}  # of all that was counted; None: of several
        self._hours: dict[str, dict[int, list[int]]] = {}
        self._days: dict[str, dict[int, list[int]]] = {}

    def take(self, deltas: Iterable[Delta]) -> None:
        """Merge deltas, in any order, a component any number of times."""
        rows, hours = self.rows, self._hour
        for component, delta, spread in deltas:
            known = rows.get(component)
            if known is None:
                known = self._before[component] = self._row_of(component) or EMPTY
            successes, failures, uses, removals, first_us = delta[:5]
            if spread is not None:
                self._take_spread(component, known, spread)
            elif first_us is not None and (successes or failures or uses or removals):
                hour = first_us // HOUR_US
                if hours.setdefault(component, hour) != hour:
                    add(self._by_hour(component, known), hour, (successes, failures, uses, removals))
            rows[component] = delta if known is EMPTY else merge(known, delta)

    def drop(self, component: str) -> None:
        """Forget what the batch changed of a component: its row finds no room."""
        del self.rows[component]
        for changes in (self._before, self._hour, self._hours, self._days):
            changes.pop(component, None)

    def checked_rows(self) -> Iterator[tuple[str, Stats]]:
        """Yield the rows that were touched, as they are now.

        Raises:
            NegativeCountError: a component would stand in less than no session. Changes of one host come in
                order, so that none can.
        """
        for component, row in self.rows.items():
            if row[-1] < 0:
                raise NegativeCountError(f"{component!r} would stand in {row[-1]} failure sessions")
            yield component, row

    def histories(self, states: Mapping[bytes, bytes]) -> Iterator[tuple[str, bytes, Change]]:
        """Yield the components whose history changed, each with its key among the states and the change.

        Args:
            states: the histories before the batch, by the components' ids in UTF-8.
        """
        for component, hour in self._hour.items():
            key = component.encode()
            if hour is not None:
                counts = _difference(self.rows[component], self._before[component])
                yield component, key, changed_in_hour(states.get(key), hour, counts)
            elif hours := self._hours[component]:
                yield component, key, changed(states.get(key), hours, self._days.get(component, _NOTHING))

    def _take_spread(self, component: str, known: Stats, spread: Spread) -> None:
        """Add counts by hour, or none at all, as of a release that did not tell hours."""
        hours, days = spread
        _add_flat(self._by_hour(component, known), hours)
        if days:
            _add_flat(self._days.setdefault(component, {}), days)

    def _by_hour(self, component: str, known: Stats) -> dict[int, list[int]]:
        """Return a component's counts by hour; from here on they are added up."""
        hours = self._hours.get(component)
        if hours is None:
            hour = self._hour.get(component)
            before = self._before[component]
            hours = self._hours[component] = {} if hour is None else {hour: _difference(known, before)}
            self._hour[component] = None
        return hours


def _difference(row: Stats, before: Stats) -> list[int]:
    return [row[0] - before[0], row[1] - before[1], row[2] - before[2], row[3] - before[3]]


def _add_flat(sums: dict[int, list[int]], flat: Sequence[int]) -> None:
    for at in range(0, len(flat), STEP):
        add(sums, flat[at], flat[at + 1 : at + STEP])
