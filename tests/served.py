"""Rows of the result topics, made by hand, and answers that hold them, for tests of what serves them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import orjson

from processor.domain.ledger import encode
from processor.serve.answers import Answers
from schemas.history import history_key
from schemas.overrides import Override, OverrideAction, subject_key
from schemas.stats import is_problematic, success_rate

__all__ = ["EVIL", "answers_of", "day", "ledger", "override", "pair", "record", "stats", "verdicts"]

EVIL = '<script>alert("x")</script>\u202e\x1b[2J\n/../%2F&|'

Row = tuple[bytes, bytes]


def stats(component_id: str, installed: int = 1, failed: int = 0, **fields: object) -> Row:
    """A row of `component-stats`, with what follows from its counts."""
    row = {
        "component_id": component_id,
        "install_successes": installed,
        "install_failures": failed,
        "usage_count": 0,
        "removal_count": 0,
        "failure_sessions": failed,
        "first_seen": "2026-01-02T03:04:05.000006Z",
        "last_success": "2026-01-02T03:04:05.000006Z" if installed else None,
        "last_failure": "2026-02-03T04:05:06.000007Z" if failed else None,
        "deprecated_at": None,
        "success_rate": success_rate(installed, failed),
        "is_problematic": is_problematic(installed, failed),
    }
    return component_id.encode(), orjson.dumps(row | fields)


def pair(a: str, b: str, count: int) -> Row:
    """A row of `co-failures`."""
    a, b = sorted((a, b))
    return orjson.dumps([a, b]), orjson.dumps({"component_a": a, "component_b": b, "count": count})


def ledger(host: str, *sessions: tuple[int, int, tuple[str, ...] | None]) -> Row:
    """A row of `host-ledger`; times in microseconds."""
    return host.encode(), encode((b"", 0, sessions))


def day(component_id: str, date: str, *counts: int, hours: dict[str, list[int]] | None = None) -> Row:
    """A row of `component-history`; counts are successes, failures, uses, removals."""
    names = ("install_successes", "install_failures", "usage_count", "removal_count")
    told = dict(zip(names, [*counts, 0, 0, 0, 0], strict=False))
    row = {"component_id": component_id, "day": date, **told, "hours": hours or {}}
    return history_key(component_id, date), orjson.dumps(row)


def verdicts(component_id: str, *found: tuple[str, str | None]) -> Row:
    """A row of `verdicts`; each as its kind and the other component."""
    at = "2026-02-03T04:05:06.000007Z"
    told = [
        {
            "kind": kind,
            "other": other,
            "since": at,
            "reason": f"Because of {kind}.",
            "confidence": 0.9999,
            "evidence": {"window": "ever"},
        }
        for kind, other in found
    ]
    return component_id.encode(), orjson.dumps(
        {"component_id": component_id, "verdicts": told, "updated_at": at}
    )


def override(*subject: str, until: datetime | None, reason: str = "we know", by: str = "ada") -> Row:
    """A row of `overrides`; without `until` an end."""
    at = datetime(2026, 2, 1, tzinfo=UTC)
    first, other = (*sorted(subject), None)[:2]
    action = OverrideAction.END if until is None else OverrideAction.BEGIN
    row = Override(
        override_id=UUID(int=1), action=action, component_id=first or "", other=other, at=at, by=by,
        reason=reason, until=until,
    )  # fmt: skip
    return subject_key(row.subject), row.model_dump_json().encode()


def record(key: bytes | None, value: bytes | None) -> Any:
    """A record as a consumer hands it on."""
    return SimpleNamespace(key=key, value=value, timestamp=1_767_323_045_000)


def answers_of(
    stats_rows: Iterable[Row] = (),
    pairs: Iterable[Row] = (),
    ledgers: Iterable[Row] = (),
    days: Iterable[Row] | None = (),
    verdicts: Iterable[Row] = (),
) -> Answers:
    """Answers that have read these rows and are ready; days None: they follow no time lines."""
    answers = Answers(history=days is not None)
    answers.take_history([record(*row) for row in days or ()])
    answers.take_verdicts([record(*row) for row in verdicts])
    answers.take_stats([record(*row) for row in stats_rows])
    answers.take_pairs([record(*row) for row in pairs])
    answers.take_sessions([record(*row) for row in ledgers])
    answers.ready = True
    return answers
