"""The questions to result rows: what is in each list, and in which order."""

from typing import Any

import orjson
import pytest

from processor.domain.ledger import encode
from processor.domain.sessions import Session
from processor.serve.queries import (
    BadRowError,
    FailureSession,
    PairRow,
    StatsRow,
    deprecated,
    failure_sessions,
    most_failing,
    pair_rows,
    pairs,
    problematic,
    removed,
    stats_rows,
)
from processor.serve.surprise import most_surprising


def stats(component_id: str, **fields: Any) -> StatsRow:
    row: StatsRow = {
        "component_id": component_id,
        "install_successes": 0,
        "install_failures": 0,
        "usage_count": 0,
        "removal_count": 0,
        "failure_sessions": 0,
        "first_seen": "2026-01-01T00:00:00.000000Z",
        "last_success": None,
        "last_failure": None,
        "deprecated_at": None,
        "success_rate": 0.0,
        "is_problematic": False,
    }
    return row | fields  # type: ignore[return-value]  # the tests name fields of the row only


def table(*rows: StatsRow) -> dict[bytes, bytes]:
    return {row["component_id"].encode(): orjson.dumps(row) for row in rows}


def pair(a: str, b: str, count: int) -> PairRow:
    return {"component_a": a, "component_b": b, "count": count}


def ledger(*sessions: Session) -> bytes:
    return encode((b"", 0, sessions))


def at(time_us: int) -> str:
    return f"1970-01-01T00:00:00.{time_us:06}Z"


def ids(rows: list[StatsRow]) -> list[str]:
    return [row["component_id"] for row in rows]


def test_lists_are_ordered_by_first_seen_then_id() -> None:
    """S3: the order is the time first seen, then the id by code point."""
    rows = stats_rows(
        table(
            stats("b", first_seen="2026-01-01T00:00:00.000001Z"),
            stats("é"),
            stats("z"),
            stats("B"),
        )
    )
    assert ids(rows) == ["B", "z", "é", "b"]


def test_problematic_is_what_the_row_says() -> None:
    """T9, S19: the list trusts the row's own flag, and needs no formula."""
    rows = stats_rows(table(stats("a", is_problematic=True), stats("b"), stats("c", is_problematic=True)))
    assert ids(problematic(rows)) == ["a", "c"]


def test_removed_counts_from_the_minimum() -> None:
    """T10: two removals are enough unless said otherwise."""
    rows = stats_rows(table(*(stats(str(count), removal_count=count) for count in range(4))))
    assert ids(removed(rows)) == ["2", "3"]
    assert ids(removed(rows, min_removals=3)) == ["3"]


def test_deprecated_has_a_time() -> None:
    """T15: a component is deprecated when its row has the time of it."""
    rows = stats_rows(table(stats("a"), stats("b", deprecated_at="2026-01-01T00:00:00.000000Z")))
    assert ids(deprecated(rows)) == ["b"]


def test_most_failing_leaves_out_what_never_failed() -> None:
    """Most failures first, then the lower rate, then the id; no failure, no line."""
    rows = [
        stats("a", install_failures=2, success_rate=0.9),
        stats("b", install_failures=2, success_rate=0.1),
        stats("c", install_failures=5),
        stats("d"),
    ]
    assert ids(most_failing(rows, 10)) == ["c", "b", "a"]
    assert ids(most_failing(rows, 1)) == ["c"]


def test_pairs_are_filtered_and_most_frequent_first() -> None:
    """T11: a count of two is the least unless said otherwise; the order is by count, then by ids."""
    rows = pair_rows(
        {
            orjson.dumps([row["component_a"], row["component_b"]]): orjson.dumps(row)
            for row in (pair("a", "b", 1), pair("a", "c", 2), pair("b", "c", 9), pair("a", "d", 2))
        }
    )
    assert pairs(rows) == [pair("b", "c", 9), pair("a", "c", 2), pair("a", "d", 2)]
    assert pairs(rows, min_count=1, component="a") == [
        pair("a", "c", 2),
        pair("a", "d", 2),
        pair("a", "b", 1),
    ]


def test_a_row_of_something_else_is_said() -> None:
    """A foreign record on a result topic is one clear error, not a traceback."""
    for value in (b"nonsense", b"[]", b"{}"):
        with pytest.raises(BadRowError, match="component-stats"):
            stats_rows({b"a": value})
        with pytest.raises(BadRowError, match="host-ledger"):
            failure_sessions({b"h": value})


def test_failure_sessions_newest_first_and_by_host() -> None:
    """Sessions come newest first; a mass failure has no components; a host is found by its exact name."""
    rows = {
        b"h1": ledger((1, 2, ("a", "b")), (50, 60, None)),
        "hö".encode(): ledger((3, 4, ("c",))),
    }
    assert failure_sessions(rows) == [
        FailureSession("h1", at(50), at(60), None),
        FailureSession("hö", at(3), at(4), ("c",)),
        FailureSession("h1", at(1), at(2), ("a", "b")),
    ]
    assert failure_sessions(rows, "hö") == [FailureSession("hö", at(3), at(4), ("c",))]
    assert failure_sessions(rows, "h") == []


def test_a_planted_pair_comes_before_chance_pairs_of_popular_components() -> None:
    """By surprise a rare pair that always fails together beats a frequent pair of popular components.

    What counts is in how many sessions a component failed, not how often.
    """
    rows = [
        stats("popular-a", install_failures=4_000, failure_sessions=400),
        stats("popular-b", failure_sessions=400),
        stats("rare-a", failure_sessions=8),
        stats("rare-b", failure_sessions=9),
    ]
    ranked = most_surprising([pair("popular-a", "popular-b", 45), pair("rare-a", "rare-b", 7)], rows, 3_817)
    assert [(one.component_a, one.count) for one in ranked] == [("rare-a", 7), ("popular-a", 45)]
    assert ranked[1].expected == pytest.approx(41.9, abs=0.1)
    assert most_surprising([pair("x", "y", 2)], [], 0, limit=1)[0].expected == 0.0


def test_a_row_from_before_there_were_failure_sessions_has_none() -> None:
    """Rows that an older worker wrote are read as they were, and the new count is 0."""
    row = {name: value for name, value in stats("a").items() if name != "failure_sessions"}
    assert stats_rows({b"a": orjson.dumps(row)}) == [stats("a")]
