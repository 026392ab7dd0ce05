"""The contract of `component-history` and `fleet-totals`: rows, keys, and the time line made of rows."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import ComponentHistory, FleetTotals, HistoryDay
from schemas.history import DAYS, HOURS, history_key, parse_history_key

DAY = date(2026, 1, 2)


def row(day: date, hours: dict[str, tuple[int, int, int, int]], **counts: int) -> HistoryDay:
    names = ("install_successes", "install_failures", "usage_count", "removal_count")
    sums = [sum(column) for column in zip(*hours.values(), strict=True)] or [0] * 4
    return HistoryDay.model_validate(
        {"component_id": "a", "day": day, "hours": hours, **dict(zip(names, sums, strict=True)), **counts}
    )


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_key_names_component_and_day(component_id: str) -> None:
    """X9: whatever characters an id holds, a key is read back as it was."""
    assert parse_history_key(history_key(component_id, "2026-01-02")) == (component_id, "2026-01-02")


@pytest.mark.parametrize("key", [b"", b"[]", b'["a"]', b'["a",1]', b'["a","b","c"]', b'{"a":"b"}', b"a"])
def test_what_is_no_key(key: bytes) -> None:
    """X9: a key of another form is refused, with the key in the message."""
    with pytest.raises(ValueError, match="no history row's key"):
        parse_history_key(key)


def test_row_reads_back() -> None:
    """S13: a row's JSON has the day as a date and the hours by name, and reads back as it was."""
    before = row(DAY, {"00": (1, 0, 0, 0), "23": (0, 2, 0, 0)})
    assert '"day":"2026-01-02"' in before.model_dump_json()
    assert HistoryDay.model_validate_json(before.model_dump_json()) == before


@pytest.mark.parametrize("hour", ["24", "7", "-1", "", "007"])
def test_no_such_hour(hour: str) -> None:
    """X2: an hour is one of 00 to 23."""
    with pytest.raises(ValidationError):
        row(DAY, {hour: (1, 0, 0, 0)})


def test_time_line_is_in_order_and_within_its_bounds() -> None:
    """A time line: 48 hours up to the newest event and no more, days and hours oldest first, in any order."""
    full = {f"{hour:02}": (1, 2, 3, 4) for hour in range(24)}
    today = row(DAY, {"02": (0, 1, 0, 0), "01": (1, 0, 0, 0)})
    rows = [today, row(DAY - timedelta(days=2), full), row(DAY - timedelta(days=1), full)]
    rows.append(row(DAY - timedelta(days=9), {}, usage_count=7))
    history = ComponentHistory.from_days("a", rows)
    newest = datetime(2026, 1, 2, 2, tzinfo=UTC)
    assert history.hours[0].start == newest - timedelta(hours=HOURS - 1)
    assert history.hours[-1].start == newest
    assert len(history.hours) == HOURS - 1  # hour 00 of today has no count
    assert [day.start.date() for day in history.days] == sorted(one.day for one in rows)
    assert [day.usage_count for day in history.days] == [7, 72, 72, 0]


def test_time_line_of_nothing() -> None:
    """A component without rows has an empty time line."""
    assert ComponentHistory.from_days("a", []) == ComponentHistory(component_id="a", hours=[], days=[])


def test_time_line_has_bounds() -> None:
    """More buckets than are promised are refused."""
    bucket = {"start": "2026-01-02T00:00:00Z", "install_successes": 1, "install_failures": 0}
    bucket |= {"usage_count": 0, "removal_count": 0}
    for name, most in (("hours", HOURS), ("days", DAYS)):
        fields: dict[str, Any] = {"component_id": "a", "hours": [], "days": []}
        ComponentHistory.model_validate(fields | {name: [bucket] * most})
        with pytest.raises(ValidationError):
            ComponentHistory.model_validate(fields | {name: [bucket] * (most + 1)})


def test_totals_are_counts() -> None:
    """No total is below zero."""
    names = set(FleetTotals.model_fields)
    assert FleetTotals.model_validate(dict.fromkeys(names, 0))
    for name in names:
        with pytest.raises(ValidationError):
            FleetTotals.model_validate(dict.fromkeys(names, 0) | {name: -1})
