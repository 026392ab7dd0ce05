"""Which rows of two generations differ, and why as far as that can be told: pure, over rows that were read.

A row depends on the events, on the settings of the fold, on corrections, and on the code. Where a setting
differs on which a field depends, or a correction names the component, that is told; else it is the code.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.corrections import Correction
from schemas.topics import CO_FAILURES, COMPONENT_HISTORY, FLEET_TOTALS

__all__ = ["FLEET", "Difference", "Makings", "differences", "settings_that_differ", "summed"]

Value = int | float | str | list[int] | None

FLEET = "fleet"
"""What stands for a component's id where the whole fleet is meant."""

_TIMES = frozenset({"first_seen", "last_success", "last_failure", "deprecated_at"})
_OF_SESSIONS = frozenset({"failure_sessions", "sessions", "mass_failures"})
_ON_COUNTS = ("ring_size", "host_idle_days")  # what is a duplicate
_ON_TIMES = ("clock_skew_s",)
_ON_SESSIONS = ("session_gap_s", "mass_failure_cap", "retention_s", "max_message_bytes")
_FOLD = "the fold changed, or events were refused then that are read today"


@dataclass(frozen=True, slots=True)
class Makings:
    """How a generation was made.

    Attributes:
        settings: those that rows depend on, by name.
        corrections: those that it obeyed from the start.
    """

    settings: Mapping[str, int | str]
    corrections: tuple[Correction, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that differs.

    Attributes:
        table: its topic.
        ids: the component, the two of a pair, a component and its day, or FLEET.
        fields: for each field that differs, its old and its new value; None where there is no row.
        why: what may have made it so.
    """

    table: str
    ids: tuple[str, ...]
    fields: dict[str, tuple[Value, Value]]
    why: str


def settings_that_differ(old: Makings, new: Makings) -> dict[str, tuple[Value, Value]]:
    """Return the settings that differ, by name, each with its old and its new value."""
    names = sorted(old.settings.keys() | new.settings.keys())
    pairs = {name: (old.settings.get(name), new.settings.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def differences(
    table: str, old: Mapping[bytes, bytes], new: Mapping[bytes, bytes], makings: tuple[Makings, Makings]
) -> Iterator[Difference]:
    """Yield the rows that differ, in the order of their keys.

    Args:
        table: the topic, of any result; of `fleet-totals` the rows must be `summed`.
        old: its rows in the one generation.
        new: in the other.
        makings: how the two were made.
    """
    changed = settings_that_differ(*makings)
    known = {each.correction_id for each in makings[0].corrections}
    corrections = [each for each in makings[1].corrections if each.correction_id not in known]
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) == new.get(key):
            continue
        before, after = _row(old.get(key)), _row(new.get(key))
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        if not names:
            continue  # another spelling of the same
        ids = _ids(before or after)
        fields = {name: (before.get(name), after.get(name)) for name in names}
        yield Difference(table, ids, fields, _why(table, ids, fields, changed, corrections))


def summed(rows: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the rows of `fleet-totals` as one: generations may have other numbers of partitions."""
    total: dict[str, int] = {}
    for value in rows.values():
        row: dict[str, int] = orjson.loads(value)
        total |= {name: count + total.get(name, 0) for name, count in row.items() if name != "partition"}
    return {FLEET.encode(): orjson.dumps(total)} if total else {}


def _row(value: bytes | None) -> dict[str, Value]:
    """Return a row's fields; each hour of a day is one."""
    found: dict[str, Any] = {} if value is None else orjson.loads(value)
    hours: dict[str, Value] = found.pop("hours", {})
    return found | {f"hours.{hour}": counts for hour, counts in hours.items()}


def _ids(row: Mapping[str, Any]) -> tuple[str, ...]:
    if "component_a" in row:
        return row["component_a"], row["component_b"]
    if "day" in row:
        return row["component_id"], row["day"]
    return (row.get("component_id", FLEET),)


def _why(
    table: str,
    ids: tuple[str, ...],
    fields: Mapping[str, object],
    changed: Mapping[str, tuple[Value, Value]],
    corrections: Iterable[Correction],
) -> str:
    reasons = [
        f"correction {each.correction_id}: {each.reason}"
        for each in corrections
        if each.component_id is None or each.component_id in ids or table == FLEET_TOTALS
    ]
    names = dict.fromkeys(_ON_COUNTS)
    if table == CO_FAILURES or _OF_SESSIONS.intersection(fields):
        names |= dict.fromkeys(_ON_SESSIONS)
    if table == COMPONENT_HISTORY or _TIMES.intersection(fields):
        names |= dict.fromkeys(_ON_TIMES)
    reasons += [f"{name} {changed[name][0]} -> {changed[name][1]}" for name in names if name in changed]
    return "; ".join(reasons) or _FOLD
