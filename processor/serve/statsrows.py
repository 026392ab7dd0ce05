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
_BRACE = ord("}")  # a row is extended before its last character
_SHARED_RATES = {rate: rate for rate in (UNTRIED, 0.0, 0.25, 0.5, 0.75, 1.0)}  # most rates are one of these


class StatsRows:
    """All rows by component id, and the lists that follow from them.

    Attributes:
        values: each row as it stands on the topic, a JSON object.
        rates: each component's success rate, or `UNTRIED`.
        failures: how often each component that ever failed failed.
        sessions: in how many failure sessions each component stands that stands in one.
        problematic: ids of rows that say so.
        removals: how often each component that was ever removed was removed.
        deprecated: ids of rows with a time of deprecation.
        touched: ids of rows that changed since somebody emptied the set; None until somebody wants to know.
        bad: records so far that were no rows; they changed nothing.
    """

    __slots__ = (
        "bad",
        "deprecated",
        "failures",
        "problematic",
        "rates",
        "removals",
        "sessions",
        "touched",
        "values",
    )

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.rates: dict[str, float] = {}
        self.failures: dict[str, int] = {}
        self.sessions: dict[str, int] = {}
        self.problematic: set[str] = set()
        self.removals: dict[str, int] = {}
        self.deprecated: set[str] = set()
        self.touched: set[str] | None = None
        self.bad = 0

    def put(self, records: Iterable[Any]) -> dict[str, None]:
        """Take in records of the topic, in their order.

        Args:
            records: each with `key` and `value`. A compacted topic takes none without a key; a file's rows
                have none, and are what their values say.

        Returns:
            The components whose rows they changed, in the order of the first change.
        """
        changed: dict[str, None] = {}
        values, rates, loads = self.values, self.rates, orjson.loads  # a million rows pass here at each start
        for record in records:
            value = record.value
            if value is None:
                self._remove(record.key, changed)
                continue
            try:
                row = loads(value)
                component_id: str = row["component_id"]
                rate, removals, deprecated_at = (
                    row["success_rate"],
                    row["removal_count"],
                    row["deprecated_at"],
                )
                failed = row["install_failures"]
                if not failed + row["install_successes"]:
                    rate = UNTRIED
                listed = failed > 0 or row["is_problematic"] or removals > 0 or deprecated_at is not None
                row["first_seen"]
                wrong = rate.__class__ is not float or (
                    record.key is not None and component_id.encode() != record.key
                )
            except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
                wrong = True
            if wrong:
                self.bad += 1
                continue
            if listed or component_id in values:
                self._list(component_id, failed, row["is_problematic"], removals, deprecated_at)
                self._put(self.sessions, component_id, row.get("failure_sessions", 0))  # an old row has none
            values[component_id] = value if value[-1] == _BRACE else orjson.dumps(row)
            rates[component_id] = _SHARED_RATES.get(rate, rate)
            changed[component_id] = None
        if self.touched is not None:
            self.touched.update(changed)
        return changed

    def _list(
        self, component_id: str, failed: int, is_problematic: bool, removals: int, deprecated_at: str | None
    ) -> None:
        """Put a component on the lists that its row names, and take it off the others."""
        self._put(self.failures, component_id, failed)
        if is_problematic:
            self.problematic.add(component_id)
        else:
            self.problematic.discard(component_id)
        self._put(self.removals, component_id, removals)
        if deprecated_at is not None:
            self.deprecated.add(component_id)
        else:
            self.deprecated.discard(component_id)

    @staticmethod
    def _put(counts: dict[str, int], component_id: str, count: int) -> None:
        """Keep a count, unless it is 0."""
        if count:
            counts[component_id] = count
        else:
            counts.pop(component_id, None)

    def _remove(self, key: bytes | None, changed: dict[str, None]) -> None:
        """Forget a row: nobody deletes one today, and a reader of a compacted topic follows all the same."""
        component_id = (key or b"").decode("utf-8", "replace")
        if self.values.pop(component_id, None) is not None:
            self.rates.pop(component_id)
            self._list(component_id, 0, is_problematic=False, removals=0, deprecated_at=None)
            self.sessions.pop(component_id, None)
            changed[component_id] = None

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
        return str(decoded(self.values[component_id])["first_seen"] or "")


def decoded(value: bytes) -> StatsRow:
    """Return a row that `put` has let in, as a dictionary."""
    row: Any = orjson.loads(value)
    return row  # type: ignore[no-any-return]
