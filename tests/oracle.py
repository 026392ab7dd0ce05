"""What must come out, by a plain sort and count over the whole history; it shares nothing with the folds.

Events are dicts as published, in order of arrival. Every event is valid, with its `host_id` and `timestamp`;
of an `event_id` that a host sent twice, the first counts.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = [
    "Event",
    "HistoryRows",
    "PairCounts",
    "StatsRows",
    "failure_sessions",
    "history_of",
    "oracle",
    "totals_of",
]

Event = dict[str, Any]
StatsRows = dict[str, dict[str, Any]]
PairCounts = dict[tuple[str, str], int]
HistoryRows = dict[tuple[str, str], dict[str, Any]]

GAP = timedelta(seconds=60)
RETENTION = timedelta(hours=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAYS_KEPT, HOURS_KEPT = 90, 48
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
    sessions = _sessions(kept, retention, mass_failure_cap, gap)
    together = [components for components, is_mass in sessions if not is_mass]
    rows = _stats(kept)
    for component, number in Counter(each for components in together for each in components).items():
        rows[component]["failure_sessions"] = number
    return rows, _pairs(together)


def history_of(events: Iterable[Event]) -> HistoryRows:
    """Return the values of `component-history` by component and day."""
    by_component: dict[str, list[tuple[datetime, str]]] = {}
    for event in _without_duplicates(events):
        if event["outcome_type"] in COUNTER_OF:
            counted = by_component.setdefault(event["component_id"], [])
            counted.append((_time(event), COUNTER_OF[event["outcome_type"]]))
    rows: HistoryRows = {}
    for component, counted in by_component.items():
        newest = max(at for at, _ in counted)
        newest_hour = newest.replace(minute=0, second=0, microsecond=0)
        for at, counter in counted:
            midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
            if newest.date() - at.date() >= timedelta(days=DAYS_KEPT):
                continue
            row = rows.setdefault((component, f"{at:%Y-%m-%d}"), _empty_day(component, f"{at:%Y-%m-%d}"))
            row[counter] += 1
            if midnight + 23 * HOUR > newest_hour - HOURS_KEPT * HOUR:  # one hour of the day is kept at least
                of_hour = row["hours"].setdefault(f"{at:%H}", [0, 0, 0, 0])
                of_hour[list(COUNTER_OF.values()).index(counter)] += 1
    return rows


def _empty_day(component: str, day: str) -> dict[str, Any]:
    return {"component_id": component, "day": day, **dict.fromkeys(COUNTER_OF.values(), 0), "hours": {}}


def totals_of(
    events: Iterable[Event],
    partition_of: Callable[[str], int],
    *,
    mass_failure_cap: int = 50,
    retention: timedelta = RETENTION,
    gap: timedelta = GAP,
) -> dict[int, dict[str, int]]:
    """Return the values of `fleet-totals` by partition.

    Args:
        events: in order of arrival.
        partition_of: gives the partition of a host.
        mass_failure_cap: a session of more components is a mass failure; 0 turns it off.
        retention: how much older than its host's newest a failure may be.
        gap: failures further apart stand in two sessions.
    """
    homes: dict[int, list[Event]] = {}
    for event in _without_duplicates(events):
        homes.setdefault(partition_of(event["host_id"]), []).append(event)
    totals = {}
    for partition, at_home in homes.items():
        sessions = _sessions(at_home, retention, mass_failure_cap, gap)
        types = Counter(event["outcome_type"] for event in at_home)
        totals[partition] = {
            "partition": partition,
            "sessions": sum(not is_mass for _, is_mass in sessions),
            "mass_failures": sum(is_mass for _, is_mass in sessions),
            **{counter: types[outcome] for outcome, counter in COUNTER_OF.items()},
            "deprecations": types["deprecated"],
            "hosts": len({event["host_id"] for event in at_home}),
        }
    return totals


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


def _sessions(
    events: list[Event], retention: timedelta, cap: int, gap: timedelta
) -> list[tuple[set[str], bool]]:
    """Return the components of each session of all hosts, and whether it is a mass failure."""
    return [
        (components, bool(cap) and len(components) > cap)
        for of_host in _on_time_failures(events, retention).values()
        for _, _, components in failure_sessions(of_host, gap)
    ]


def _pairs(sessions: list[set[str]]) -> PairCounts:
    pairs: Counter[tuple[str, str]] = Counter()
    for components in sessions:
        pairs.update((a, b) for a in components for b in components if a < b)
    return dict(pairs)


def _time(event: Event) -> datetime:
    time = datetime.fromisoformat(event["timestamp"])
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _smaller(a: datetime | None, b: datetime) -> datetime:
    return b if a is None or b < a else a


def _larger(a: datetime | None, b: datetime) -> datetime:
    return b if a is None or b > a else a
