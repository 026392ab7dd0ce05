"""A component's row and a change to it are the same thing, and merging them is a commutative monoid.

Counts add, `first_seen` is the minimum, `last_success` and `last_failure` the maximum of the events' times;
deprecations stand in the notes, which most rows do not have (`notes`). So neither the order of events nor
their grouping into batches can change a row, and a batch can be combined into one delta a component before
anything is sent.
"""

from datetime import datetime
from typing import Any, Final

import orjson

from processor.domain.notes import Notes, deprecated_us, earlier, later, merge_notes, revoked, stated
from schemas import OutcomeStats, OutcomeType
from schemas.stats import RowNotes, is_problematic, success_rate
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
    "revocation",
    "to_json",
    "to_model",
]

Stats = tuple[int, int, int, int, int | None, int | None, int | None, Notes | None, int]
"""Successes, failures, uses, removals; first seen, last success, last failure; notes; and in how many failure
sessions it failed.

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
            return (0, 0, 0, 0, at_us, None, None, stated(1, at_us, at_us), 0)


def revocation(at_us: int) -> Stats:
    """Return what it changes to declare a component not deprecated up to a time.

    Args:
        at_us: the time, in microseconds since the epoch.
    """
    return (0, 0, 0, 0, None, None, None, revoked(at_us), 0)


def merge(a: Stats, b: Stats) -> Stats:
    """Return both taken together, in whichever order."""
    return (
        a[0] + b[0],
        a[1] + b[1],
        a[2] + b[2],
        a[3] + b[3],
        earlier(a[4], b[4]),
        later(a[5], b[5]),
        later(a[6], b[6]),
        merge_notes(a[7], b[7]),
        a[8] + b[8],
    )


def to_json(component_id: str, row: Stats) -> bytes:
    """Return the row as a value of `component-stats`: the JSON of `OutcomeStats`.

    Raises:
        OverflowError: a time is not in the years 1..9999.
    """
    successes, failures, uses, removals, first_us, last_success_us, last_failure_us, notes, sessions = row
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
            "deprecated_at": None if notes is None else _text(deprecated_us(notes)),
            "notes": None if notes is None else _fields_of(notes),
            "success_rate": success_rate(successes, failures),
            "is_problematic": is_problematic(successes, failures),
        }
    )


def _fields_of(notes: Notes) -> dict[str, Any]:
    count, _, last_us, revoked_us, is_stale = notes
    return {
        "deprecations": count,
        "last_deprecated": _text(last_us),
        "undeprecated_at": _text(revoked_us),
        "has_stale_times": is_stale,
    }


def _notes_of(deprecated: int | None, fields: dict[str, Any] | None) -> Notes | None:
    """Return the notes of a row; the first deprecation does not matter any more once there is a revocation.

    Args:
        deprecated: since when it is, in microseconds since the epoch.
        fields: its notes, as they stand in JSON.
    """
    if (
        fields is None
    ):  # where it is deprecated, a row of the version before, which did not count: one at least
        return None if deprecated is None else stated(1, deprecated, deprecated)
    revoked_us = _us_of_text(fields["undeprecated_at"])
    return (
        fields["deprecations"],
        deprecated if revoked_us is None else None,
        _us_of_text(fields["last_deprecated"]),
        revoked_us,
        fields["has_stale_times"],
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
            _notes_of(_us_of_text(fields["deprecated_at"]), fields.get("notes")),
            fields.get("failure_sessions", 0),  # a row that was written before they were counted has none
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StatsError(f"not a component's row: {value[:80]!r}: {error!r}") from error


def _text(at_us: int | None) -> str | None:
    return None if at_us is None else format_us(at_us)


def _us_of_text(text: str | None) -> int | None:
    return None if text is None else parse_us(text)


def to_model(component_id: str, row: Stats) -> OutcomeStats:
    """Return the row as the contract's model.

    Raises:
        OverflowError: a time is not in the years 1..9999.
    """
    successes, failures, uses, removals, first_us, last_success_us, last_failure_us, notes, sessions = row
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
        deprecated_at=_time(deprecated_us(notes)),
        notes=None if notes is None else RowNotes.model_validate(_fields_of(notes)),
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
        _notes_of(
            _us(stats.deprecated_at), None if stats.notes is None else stats.notes.model_dump(mode="json")
        ),
        stats.failure_sessions,
    )


def merge_model(stats: OutcomeStats, change: Stats) -> OutcomeStats:
    """Return a model with a change merged in; the one that was given stays as it was."""
    return to_model(stats.component_id, merge(from_model(stats), change))


def _time(time_us: int | None) -> datetime | None:
    return None if time_us is None else from_us(time_us)


def _us(time: datetime | None) -> int | None:
    return None if time is None else to_us(time)
