"""The rows of `component-stats` in memory: each as its topic's bytes, and beside them what a lookup needs.

A row's bytes are the smallest form that holds all of it, and the form that HTTP answers with. Kept apart,
by component, is only what is asked for without reading a row: its rate, and whether it is on a list.
"""

from collections.abc import Iterable
from typing import Any

import orjson

from processor.serve.queries import StatsRow

__all__ = ["UNTRIED", "StatsRows"]

# The rate of a component that nobody has tried: no share is below 0.
UNTRIED = -1.0
_TEXT = (str, type(None))
_SHARED_RATES = {rate: rate for rate in (UNTRIED, 0.0, 0.25, 0.5, 0.75, 1.0)}  # most rates are one of these


class StatsRows:
    """All rows by component id, and the lists that follow from them.

    Attributes:
        values: each row as it stands on the topic, a JSON object.
        rates: each component's success rate, or `UNTRIED`.
        problematic: ids of rows that say so.
        removals: how often each component that was ever removed was removed.
        deprecated: ids of rows with a time of deprecation.
        bad: records so far that were no rows; they changed nothing.
    """

    __slots__ = ("bad", "deprecated", "problematic", "rates", "removals", "values")

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.rates: dict[str, float] = {}
        self.problematic: set[str] = set()
        self.removals: dict[str, int] = {}
        self.deprecated: set[str] = set()
        self.bad = 0

    def put(self, key: bytes | None, value: bytes | None) -> str | None:
        """Take in one record of the topic.

        Returns:
            The component whose row it changed; None if it changed none.
        """
        if value is None:
            return self._remove(key)
        try:
            row = orjson.loads(value)
            component_id: str = row["component_id"]
            failed, tried = row["install_failures"], row["install_failures"] + row["install_successes"]
            rate = row["success_rate"] + 0.0 if tried else UNTRIED
            listed = (row["is_problematic"], row["removal_count"] + 0, row["deprecated_at"])
            wrong = component_id.encode() != key or failed < 0 or not isinstance(row["first_seen"], _TEXT)
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            wrong = True
        if wrong:
            self.bad += 1
            return None
        known = component_id in self.values
        self.values[component_id] = value
        self.rates[component_id] = _SHARED_RATES.get(rate, rate)
        if known or listed[0] or listed[1] or listed[2]:
            self._list(component_id, *listed)
        return component_id

    def _list(
        self, component_id: str, is_problematic: bool, removals: int, deprecated_at: str | None
    ) -> None:
        """Put a component on the lists that its row names, and take it off the others."""
        if is_problematic:
            self.problematic.add(component_id)
        else:
            self.problematic.discard(component_id)
        if removals:
            self.removals[component_id] = removals
        else:
            self.removals.pop(component_id, None)
        if deprecated_at is not None:
            self.deprecated.add(component_id)
        else:
            self.deprecated.discard(component_id)

    def _remove(self, key: bytes | None) -> str | None:
        """Forget a row: nobody deletes one today, and a reader of a compacted topic follows all the same."""
        component_id = (key or b"").decode("utf-8", "replace")
        if self.values.pop(component_id, None) is None:
            return None
        self.rates.pop(component_id)
        self._list(component_id, is_problematic=False, removals=0, deprecated_at=None)
        return component_id

    def row(self, component_id: str) -> StatsRow | None:
        """Return a component's row, decoded; None if it is unknown."""
        value = self.values.get(component_id)
        return None if value is None else decoded(value)

    def in_order(self, component_ids: Iterable[str]) -> list[str]:
        """Return ids in the order of the lists: by the time a component was first seen, then by id (S3)."""
        keyed = [(self._first_seen(component_id), component_id) for component_id in component_ids]
        keyed.sort()
        return [component_id for _, component_id in keyed]

    def _first_seen(self, component_id: str) -> str:
        return decoded(self.values[component_id])["first_seen"] or ""


def decoded(value: bytes) -> StatsRow:
    """Return a row that `put` has let in, as a dictionary."""
    row: Any = orjson.loads(value)
    return row  # type: ignore[no-any-return]
