"""The answers that people ask for, as pure questions to rows that were read: no broker, no clock.

Lists are ordered by the time a component was first seen, then by its id, so that the same rows always
give the same list. A row says itself whether it is problematic; no formula is repeated here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import orjson

from processor.errors import FleetfoldError

__all__ = [
    "BadRowError",
    "FailureSession",
    "PairRow",
    "StatsRow",
    "deprecated",
    "each_stats_row",
    "failure_sessions",
    "most_failing",
    "pair_rows",
    "pairs",
    "problematic",
    "removed",
    "sessions_of",
    "stats_rows",
]


class BadRowError(FleetfoldError):
    """A row of a result topic is not what the contract says: something else writes to the topic."""


class StatsRow(TypedDict):
    """One value of `component-stats`, as it stands on the topic; times are RFC 3339 UTC or null."""

    component_id: str
    install_successes: int
    install_failures: int
    usage_count: int
    removal_count: int
    failure_sessions: int
    first_seen: str | None
    last_success: str | None
    last_failure: str | None
    deprecated_at: str | None
    success_rate: float
    is_problematic: bool


class PairRow(TypedDict):
    """One value of `co-failures`: in `count` failure sessions both components failed; a < b."""

    component_a: str
    component_b: str
    count: int


@dataclass(frozen=True, slots=True)
class FailureSession:
    """Failures of one host that stand close together.

    `components` is None for a mass failure: which they were is not kept. `start` and `end` are the times
    of the first and the last failure, RFC 3339 UTC as on the topic: all of one width, so text order is
    time order.
    """

    host: str
    start: str
    end: str
    components: tuple[str, ...] | None


def each_stats_row(rows: Mapping[bytes, bytes]) -> Iterator[StatsRow]:
    """Decode the rows of `component-stats` one by one: of a million, a question keeps only its answer.

    Raises:
        BadRowError: a value is not a stats row.
    """
    for value in rows.values():
        row: StatsRow = _decoded(value, "component-stats", "is_problematic")
        row.setdefault("failure_sessions", 0)  # a row from before there was such a count
        yield row


def stats_rows(rows: Mapping[bytes, bytes]) -> list[StatsRow]:
    """Decode all rows of `component-stats`, in the order of the lists.

    Raises:
        BadRowError: a value is not a stats row.
    """
    return sorted(each_stats_row(rows), key=_stats_order)


def pair_rows(rows: Mapping[bytes, bytes]) -> list[PairRow]:
    """Decode the rows of `co-failures`, most frequent first, then by ids.

    Raises:
        BadRowError: a value is not a pair.
    """
    decoded: list[PairRow] = [_decoded(value, "co-failures", "count") for value in rows.values()]
    return sorted(decoded, key=_pair_order)


def problematic(rows: Iterable[StatsRow]) -> list[StatsRow]:
    """Return the components that fail more often than they work (T9)."""
    return sorted((row for row in rows if row["is_problematic"]), key=_stats_order)


def removed(rows: Iterable[StatsRow], min_removals: int = 2) -> list[StatsRow]:
    """Return the components that users took away at least `min_removals` times (T10)."""
    return sorted((row for row in rows if row["removal_count"] >= min_removals), key=_stats_order)


def deprecated(rows: Iterable[StatsRow]) -> list[StatsRow]:
    """Return the components that someone called deprecated (T15)."""
    return sorted((row for row in rows if row["deprecated_at"] is not None), key=_stats_order)


def most_failing(rows: Iterable[StatsRow], limit: int) -> list[StatsRow]:
    """Return the `limit` components with the most failures; among equals, the less successful first."""
    failing = [row for row in rows if row["install_failures"]]
    failing.sort(key=lambda row: (-row["install_failures"], row["success_rate"], row["component_id"]))
    return failing[:limit]


def pairs(rows: Iterable[PairRow], min_count: int = 2, component: str | None = None) -> list[PairRow]:
    """Return the pairs that failed together in at least `min_count` sessions (T11).

    Args:
        rows: what `pair_rows` returned.
        min_count: below this, a pair is called chance.
        component: only pairs with this one in them.
    """
    return [
        row
        for row in rows
        if row["count"] >= min_count and component in {None, row["component_a"], row["component_b"]}
    ]


def failure_sessions(rows: Mapping[bytes, bytes], host: str | None = None) -> list[FailureSession]:
    """Return the recent failure sessions of the hosts, newest first.

    Args:
        rows: the rows of `host-ledger`.
        host: only this host's.

    Raises:
        BadRowError: a value is not a ledger row.
    """
    if host is not None:
        key = host.encode("utf-8", "surrogatepass")
        rows = {key: rows[key]} if key in rows else {}
    sessions = [session for key, value in rows.items() for session in sessions_of(key, value)]
    sessions.sort(key=lambda session: (session.host, session.start))
    sessions.sort(key=lambda session: session.end, reverse=True)  # stable: hosts stay in order
    return sessions


def _stats_order(row: StatsRow) -> tuple[str, str]:
    return (row["first_seen"] or "", row["component_id"])


def _pair_order(row: PairRow) -> tuple[int, str, str]:
    return (-row["count"], row["component_a"], row["component_b"])


def _decoded(value: bytes, topic: str, field: str) -> Any:
    """Decode a row and look whether it has a field of its type: a model for each of a million is too slow."""
    try:
        row = orjson.loads(value)
        row[field]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise BadRowError(f"a row of {topic} is not what the contract says: {error}") from error
    return row


def sessions_of(key: bytes, value: bytes) -> list[FailureSession]:
    """Return the failure sessions of one host's row of `host-ledger`, oldest first.

    Raises:
        BadRowError: the value is not a ledger row.
    """
    host = key.decode("utf-8", "backslashreplace")
    try:
        return [
            FailureSession(host, each["start"], each["end"], _ids(each["components"]))
            for each in orjson.loads(value)["sessions"]
        ]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise BadRowError(f"a row of host-ledger is not what the contract says: {error}") from error


def _ids(components: list[str] | None) -> tuple[str, ...] | None:
    return None if components is None else tuple(sorted(components))
