"""What must come out, by a plain sort and count over the whole history; it shares nothing with the folds.

Events are dicts as published, in order of arrival. Every event is valid, with its `host_id` and `timestamp`;
of an `event_id` that a host sent twice, the first counts.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["Event", "PairCounts", "StatsRows", "failure_sessions", "oracle"]

Event = dict[str, Any]
StatsRows = dict[str, dict[str, Any]]
PairCounts = dict[tuple[str, str], int]

GAP = timedelta(seconds=60)
RETENTION = timedelta(hours=1)
COUNTER_OF = {
    "install_success": "install_successes",
    "install_failure": "install_failures",
    "used_in_session": "usage_count",
    "removed_by_user": "removal_count",
}


def oracle(
    events: Iterable[Event],
    *,
    mass_failure_cap: int = 50,
    retention: timedelta = RETENTION,
    gap: timedelta = GAP,
) -> tuple[StatsRows, PairCounts]:
    """Return the values of `component-stats` by component, and the counts of `co-failures` by pair, a < b."""
    kept = _without_duplicates(events)
    return _stats(kept), _pairs(_on_time_failures(kept, retention), mass_failure_cap, gap)


def failure_sessions(
    failures: Sequence[tuple[datetime, str]], gap: timedelta = GAP
) -> list[tuple[datetime, datetime, set[str]]]:
    """Return first time, last time and components of each session of one host's failures."""
    sessions: list[tuple[datetime, datetime, set[str]]] = []
    for at, component in sorted(failures):
        if sessions and at - sessions[-1][1] <= gap:
            first, _, components = sessions[-1]
            sessions[-1] = (first, at, components | {component})
        else:
            sessions.append((at, at, {component}))
    return sessions


def _without_duplicates(events: Iterable[Event]) -> list[Event]:
    seen: set[tuple[str, str]] = set()
    kept = []
    for event in events:
        event_id = event.get("event_id")
        if event_id is not None:
            identity = (event["host_id"], event_id.lower())
            if identity in seen:
                continue
            seen.add(identity)
        kept.append(event)
    return kept


def _stats(events: list[Event]) -> StatsRows:
    rows: StatsRows = {}
    deprecations: dict[str, list[datetime]] = {}
    for event in events:
        component, outcome, at = event["component_id"], event["outcome_type"], _time(event)
        row = rows.setdefault(component, _empty_row(component))
        if outcome in COUNTER_OF:
            row[COUNTER_OF[outcome]] += 1
        row["first_seen"] = _smaller(row["first_seen"], at)
        if outcome == "install_success":
            row["last_success"] = _larger(row["last_success"], at)
        if outcome == "install_failure":
            row["last_failure"] = _larger(row["last_failure"], at)
        if outcome == "deprecated":
            row["deprecated_at"] = _smaller(row["deprecated_at"], at)
            deprecations.setdefault(component, []).append(at)
    for row in rows.values():
        attempts = row["install_successes"] + row["install_failures"]
        row["success_rate"] = row["install_successes"] / attempts if attempts else 0.0
        row["is_problematic"] = row["install_failures"] >= 3 and row["success_rate"] < 0.5
        for field in ("first_seen", "last_success", "last_failure", "deprecated_at"):
            row[field] = row[field] and _text(row[field])
        row["notes"] = _notes(deprecations.get(row["component_id"], []))
    return rows


def _notes(deprecated: list[datetime]) -> dict[str, Any] | None:
    """Return what a row says beside, where it was ever deprecated."""
    if not deprecated:
        return None
    return {
        "deprecations": len(deprecated),
        "last_deprecated": _text(max(deprecated)),
        "undeprecated_at": None,
        "has_stale_times": False,
    }


def _text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _empty_row(component: str) -> dict[str, Any]:
    times = dict.fromkeys(("first_seen", "last_success", "last_failure", "deprecated_at"))
    return {
        "component_id": component,
        **dict.fromkeys(COUNTER_OF.values(), 0),
        "failure_sessions": 0,
        **times,
    }


def _on_time_failures(events: list[Event], retention: timedelta) -> dict[str, list[tuple[datetime, str]]]:
    """Return each host's failures, but for those that were late when they arrived."""
    failures: dict[str, list[tuple[datetime, str]]] = {}
    for event in events:
        if event["outcome_type"] == "install_failure":
            at = _time(event)
            of_host = failures.setdefault(event["host_id"], [])
            if not of_host or at >= max(of_host)[0] - retention:
                of_host.append((at, event["component_id"]))
    return failures


def _pairs(
    failures: dict[str, list[tuple[datetime, str]]], mass_failure_cap: int, gap: timedelta
) -> PairCounts:
    pairs: Counter[tuple[str, str]] = Counter()
    for of_host in failures.values():
        for _, _, components in failure_sessions(of_host, gap):
            if mass_failure_cap and len(components) > mass_failure_cap:
                continue
            pairs.update((a, b) for a in components for b in components if a < b)
    return dict(pairs)


def _time(event: Event) -> datetime:
    time = datetime.fromisoformat(event["timestamp"])
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _smaller(a: datetime | None, b: datetime) -> datetime:
    return b if a is None or b < a else a


def _larger(a: datetime | None, b: datetime) -> datetime:
    return b if a is None or b > a else a
