"""A component's row and a change to it are the same thing, and merging them is a commutative monoid.

Counts add, `first_seen` and `deprecated_at` are the minimum, `last_success` and `last_failure` the maximum of
the events' times. So neither the order of events nor their grouping into batches can change a row, and a
batch can be combined into one delta a component before anything is sent.
"""

from datetime import datetime
from typing import Any, Final

import orjson

from schemas import OutcomeStats, OutcomeType
from schemas.stats import is_problematic, success_rate
from schemas.times import format_us, from_us, parse_us, to_us

__all__ = [
    "EMPTY",
    "Stats",
    "StatsError",
    "from_json",
    "from_model",
    "merge",
    "merge_model",
    "of_event",
    "to_json",
    "to_model",
]

Stats = tuple[int, int, int, int, int | None, int | None, int | None, int | None, int]
"""Successes, failures, uses, removals; first seen, last success, last failure, deprecated at; and in how many
failure sessions it failed.

The times are in microseconds since the epoch, None where there was no such event. The number of failure
sessions is signed in a change: sessions that join, or become a mass failure, take some back.
"""

EMPTY: Final[Stats] = (0, 0, 0, 0, None, None, None, None, 0)
"""The identity of `merge`: nothing happened."""


class StatsError(ValueError):
    """A value of `component-stats` that this version cannot read."""


def of_event(outcome_type: OutcomeType, at_us: int) -> Stats:
    """Return what one event changes; `deprecated` changes no counter.

    Which failure sessions a failure stands in cannot be told from it alone: that is `sessions`' to say.

    Args:
        outcome_type: what happened.
        at_us: when, in microseconds since the epoch.
    """
    match outcome_type:
        case OutcomeType.INSTALL_SUCCESS:
            return (1, 0, 0, 0, at_us, at_us, None, None, 0)
        case OutcomeType.INSTALL_FAILURE:
            return (0, 1, 0, 0, at_us, None, at_us, None, 0)
        case OutcomeType.USED_IN_SESSION:
            return (0, 0, 1, 0, at_us, None, None, None, 0)
        case OutcomeType.REMOVED_BY_USER:
            return (0, 0, 0, 1, at_us, None, None, None, 0)
        case OutcomeType.DEPRECATED:
            return (0, 0, 0, 0, at_us, None, None, at_us, 0)


def merge(a: Stats, b: Stats) -> Stats:
    """Return both taken together, in whichever order."""
    return (
        a[0] + b[0],
        a[1] + b[1],
        a[2] + b[2],
        a[3] + b[3],
        _earlier(a[4], b[4]),
        _later(a[5], b[5]),
        _later(a[6], b[6]),
        _earlier(a[7], b[7]),
        a[8] + b[8],
    )


def _earlier(a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return min(b, a)


def _later(a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return max(b, a)


def to_json(component_id: str, row: Stats) -> bytes:
    """Return the row as a value of `component-stats`: the JSON of `OutcomeStats`.

    Raises:
        OverflowError: a time is not in the years 1..9999.
    """
    successes, failures, uses, removals, *times_us, sessions = row
    first_us, last_success_us, last_failure_us, deprecated_us = times_us
    return orjson.dumps(
        {
            "component_id": component_id,
            "install_successes": successes,
            "install_failures": failures,
            "usage_count": uses,
            "removal_count": removals,
            "failure_sessions": sessions,
            "first_seen": None if first_us is None else format_us(first_us),
            "last_success": None if last_success_us is None else format_us(last_success_us),
            "last_failure": None if last_failure_us is None else format_us(last_failure_us),
            "deprecated_at": None if deprecated_us is None else format_us(deprecated_us),
            "success_rate": success_rate(successes, failures),
            "is_problematic": is_problematic(successes, failures),
        }
    )


def from_json(value: bytes) -> tuple[str, Stats]:
    """Return the component's id and the row of a value that `to_json` wrote.

    Raises:
        StatsError: not such a value.
    """
    try:
        fields: dict[str, Any] = orjson.loads(value)
        return fields["component_id"], (
            fields["install_successes"],
            fields["install_failures"],
            fields["usage_count"],
            fields["removal_count"],
            _us_of_text(fields["first_seen"]),
            _us_of_text(fields["last_success"]),
            _us_of_text(fields["last_failure"]),
            _us_of_text(fields["deprecated_at"]),
            fields.get("failure_sessions", 0),  # a row that was written before they were counted has none
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StatsError(f"not a component's row: {value[:80]!r}: {error!r}") from error


def _us_of_text(text: str | None) -> int | None:
    return None if text is None else parse_us(text)


def to_model(component_id: str, row: Stats) -> OutcomeStats:
    """Return the row as the contract's model.

    Raises:
        OverflowError: a time is not in the years 1..9999.
    """
    successes, failures, uses, removals, *times_us, sessions = row
    first_us, last_success_us, last_failure_us, deprecated_us = times_us
    return OutcomeStats(
        component_id=component_id,
        install_successes=successes,
        install_failures=failures,
        usage_count=uses,
        removal_count=removals,
        failure_sessions=sessions,
        first_seen=_time(first_us),
        last_success=_time(last_success_us),
        last_failure=_time(last_failure_us),
        deprecated_at=_time(deprecated_us),
    )


def from_model(stats: OutcomeStats) -> Stats:
    """Return the row that a model holds; the inverse of `to_model`."""
    return (
        stats.install_successes,
        stats.install_failures,
        stats.usage_count,
        stats.removal_count,
        _us(stats.first_seen),
        _us(stats.last_success),
        _us(stats.last_failure),
        _us(stats.deprecated_at),
        stats.failure_sessions,
    )


def merge_model(stats: OutcomeStats, change: Stats) -> OutcomeStats:
    """Return a model with a change merged in; the one that was given stays as it was."""
    return to_model(stats.component_id, merge(from_model(stats), change))


def _time(time_us: int | None) -> datetime | None:
    return None if time_us is None else from_us(time_us)


def _us(time: datetime | None) -> int | None:
    return None if time is None else to_us(time)
