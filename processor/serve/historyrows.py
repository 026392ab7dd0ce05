"""The rows of `component-history` in memory: for each component its days, each as its topic's bytes.

A fleet has many more days than components, and is asked about few of them: a day is decoded when somebody
wants to see it.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import Any

import orjson

from processor.errors import FleetfoldError
from schemas.history import ComponentHistory, HistoryDay, history_key, parse_history_key

__all__ = ["HistoryRows", "NoHistoryError"]

_COUNTS = ("install_successes", "install_failures", "usage_count", "removal_count")
_HOURS = frozenset(f"{hour:02}" for hour in range(24))


class NoHistoryError(FleetfoldError):
    """Time lines were not asked for when following began, so nothing is known of them."""


class HistoryRows:
    """All days of all components, or of some.

    Args:
        only: of which; None for all.

    Attributes:
        days: component id, to day (`2026-11-24`), to the row as it stands on the topic.
        count: how many rows there are.
        bad: records so far that were no rows; they changed nothing.
    """

    __slots__ = ("_dates", "_only", "bad", "count", "days")

    def __init__(self, only: Collection[str] | None = None) -> None:
        self._only = only
        self.days: dict[str, dict[str, bytes]] = {}
        self.count = 0
        self.bad = 0
        self._dates: dict[str, str] = {}  # each date once in memory, however many components have it

    def put(self, records: Iterable[Any]) -> dict[str, None]:
        """Take in records of the topic, in their order.

        Args:
            records: each with `key` and `value`; a record without a value takes its day away.

        Returns:
            The components whose days they changed, in the order of the first change.
        """
        changed: dict[str, None] = {}
        for record in records:
            try:
                component_id, day = parse_history_key(record.key or b"")
                if self._only is not None and component_id not in self._only:
                    continue
                value: bytes | None = record.value
                wrong = value is not None and not _is_day(value, component_id, day)
            except ValueError:
                wrong = True
            if wrong:
                self.bad += 1
            elif value is None:
                self._remove(component_id, day, changed)
            else:
                of_component = self.days.setdefault(component_id, {})
                self.count += day not in of_component
                of_component[self._dates.setdefault(day, day)] = value
                changed[component_id] = None
        return changed

    def _remove(self, component_id: str, day: str, changed: dict[str, None]) -> None:
        of_component = self.days.get(component_id, {})
        if of_component.pop(day, None) is None:
            return
        self.count -= 1
        changed[component_id] = None
        if not of_component:
            del self.days[component_id]

    def history(self, component_id: str) -> ComponentHistory:
        """Return a component's time line; an empty one if nothing is known."""
        rows = self.days.get(component_id, {}).values()
        return ComponentHistory.from_days(component_id, map(_decoded, rows))

    def all(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and value of every row; nothing may change meanwhile."""
        for component_id, of_component in self.days.items():
            for day, value in of_component.items():
                yield history_key(component_id, day), value


def _decoded(value: bytes) -> HistoryDay:
    """Return a row that `put` has let in; to check it again would take several times as long."""
    row = orjson.loads(value)
    return HistoryDay.model_construct(**row | {"day": date.fromisoformat(row["day"])})


def _is_day(value: bytes, component_id: str, day: str) -> bool:
    """Tell whether a value is the row that its key names: what is wrong must show now, not later."""
    try:
        row = orjson.loads(value)
        date.fromisoformat(day)
        hours: dict[str, list[int]] = row["hours"]
        counts = [[row[name] for name in _COUNTS], *hours.values()]
        named = row["component_id"] == component_id and row["day"] == day and _HOURS.issuperset(hours)
        return named and all(map(_are_counts, counts))
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _are_counts(counts: list[int]) -> bool:
    return len(counts) == len(_COUNTS) and set(map(type, counts)) == {int} and min(counts) >= 0
