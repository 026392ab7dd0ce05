"""A component's history at the edges of its window, and its rows on the topic."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from processor.domain.components import Components
from processor.domain.history import HOUR_US, NO_SPREAD, Change, changed, changed_in_hour, spread_of, with_day
from processor.domain.historyrows import HistoryError, from_json, row_key, to_json, with_rows
from processor.domain.merge import NegativeCountError
from processor.domain.notes import stated
from schemas import HistoryDay
from schemas.times import to_us

if TYPE_CHECKING:
    from processor.domain.history import Spread
    from processor.domain.stats import Stats

DAY = to_us(datetime(2026, 1, 2, tzinfo=UTC)) // HOUR_US // 24
ONE = [0, 1, 0, 0]


def unknown(_: str) -> None:
    """No component has a row yet."""


def history(*hours: int) -> bytes:
    """The state after one failure in each of these hours, counted from the start of DAY."""
    state: bytes | None = None
    for hour in hours:
        state, _ = changed_in_hour(state, DAY * 24 + hour, ONE)
    assert state is not None
    return state


def days_of(change: Change) -> dict[int, object]:
    """Which days are others now, from DAY on: their hours, 0 for a day without, None for one that left."""
    _, days = change
    return {number - DAY: None if day is None else day[5::5] or 0 for number, day in days}


def test_one_hour_after_the_other() -> None:
    """S1: hours of a day stand in order, whatever the order of their events, and add up to the day."""
    expected = [[DAY, 0, 3, 0, 0, 5, 0, 2, 0, 0, 7, 0, 1, 0, 0]]
    for order in ((5, 5, 7), (5, 7, 5), (7, 5, 5)):
        assert json.loads(history(*order)) == expected


def test_a_day_loses_its_hours_48_hours_after_its_last() -> None:
    """Hours stay as long as the last of their day is among the 48 that the newest ends, and no longer."""
    assert days_of(changed_in_hour(history(0), DAY * 24 + 23 + 47, ONE)) == {2: [22]}
    assert days_of(changed_in_hour(history(0), DAY * 24 + 23 + 48, ONE)) == {0: 0, 2: [23]}
    assert days_of(changed_in_hour(history(0, 23 + 47), DAY * 24 + 23 + 48, ONE)) == {0: 0, 2: [22, 23]}


def test_a_day_leaves_90_days_before_the_newest() -> None:
    """The newest day and the 89 before it stay; the one before those leaves with a tombstone."""
    assert days_of(changed_in_hour(history(23), (DAY + 89) * 24, ONE)) == {0: 0, 89: [0]}
    assert days_of(changed_in_hour(history(23), (DAY + 90) * 24, ONE)) == {0: None, 90: [0]}
    middle = history(23, 89 * 24)
    assert days_of(changed_in_hour(middle, (DAY + 90) * 24, ONE)) == {0: None, 90: [0]}
    assert days_of(changed_in_hour(middle, (DAY + 89) * 24 + 5, ONE)) == {89: [0, 5]}


def test_what_comes_late_counts_where_it_still_can() -> None:
    """A late event counts in its hour, or only in its day, or not at all, as if it had come in time."""
    newest = history(100 * 24)
    assert days_of(changed_in_hour(newest, DAY * 24 + 98 * 24 + 3, ONE)) == {98: [3]}
    assert days_of(changed_in_hour(newest, DAY * 24 + 97 * 24 + 23, ONE)) == {97: 0}
    assert days_of(changed_in_hour(newest, DAY * 24 + 11 * 24, ONE)) == {11: 0}
    state, days = changed_in_hour(newest, DAY * 24 + 10 * 24 + 23, ONE)
    assert (state, days) == (newest, [])


def test_a_change_over_years_is_short() -> None:
    """X12: hours that no later event could keep are summed up before they are sent, or left out."""
    hours, days = spread_of(dict.fromkeys(range(24 * 365), ONE))
    assert (len(hours) // 5, len(days) // 5) == (48, 88)
    whole = changed(None, dict.fromkeys(range(24 * 365), ONE), {})
    by_hour = {hours[at]: hours[at + 1 : at + 5] for at in range(0, len(hours), 5)}
    by_day = {days[at]: days[at + 1 : at + 5] for at in range(0, len(days), 5)}
    assert changed(None, by_hour, by_day)[0] == whole[0]


def test_deltas_of_the_release_before_change_no_history() -> None:
    """S13: rows count what they tell, histories begin with the first delta that tells its hour."""
    counted: Stats = (1, 0, 0, 0, 5, 5, None, None, 0)
    orders: list[list[Spread | None]] = [
        [NO_SPREAD, None],
        [None, NO_SPREAD],
        [None, NO_SPREAD, None],
        [NO_SPREAD, NO_SPREAD],
    ]
    for order in orders:
        touched = Components(unknown)
        touched.take([("a", counted, spread) for spread in order])
        assert touched.rows["a"][0] == len(order)
        wanted = sum(spread is None for spread in order)
        found = [days for _, _, (_, days) in touched.histories({})]
        assert found == ([[(0, [0, wanted, 0, 0, 0, 0, wanted, 0, 0, 0])]] if wanted else [])


def test_what_counts_nothing_changes_no_history() -> None:
    """`deprecated` events and changed sessions are in no history."""
    touched = Components(unknown)
    touched.take(
        [
            ("a", (0, 0, 0, 0, 5, None, None, stated(1, 5, 5), 0), None),
            ("b", (0,) * 4 + (None,) * 4 + (1,), None),
        ]
    )
    assert set(touched.rows) == {"a", "b"}
    assert list(touched.histories({})) == []


def test_a_row_never_ends_below_no_session() -> None:
    """S2: what was never counted cannot be withdrawn; on the way a count may be below 0."""
    entered: Stats = (0, 1, 0, 0, 5, None, 5, None, 1)
    left: Stats = (0, 0, 0, 0, None, None, None, None, -1)
    touched = Components(unknown)
    touched.take([("a", left, None), ("a", entered, None)])
    assert dict(touched.checked_rows()) == {"a": (0, 1, 0, 0, 5, None, 5, None, 0)}
    touched.take([("a", left, None)])
    with pytest.raises(NegativeCountError, match="'a' would stand in -1"):
        dict(touched.checked_rows())


def test_a_row_is_that_of_the_model() -> None:
    """S13: what the fold writes is what the contract's model writes, byte for byte, and reads back."""
    for day in ([DAY, 1, 2, 3, 4], [DAY, 3, 5, 7, 9, 0, 1, 2, 3, 4, 23, 2, 3, 4, 5]):
        value = to_json('a"\n', day)
        assert HistoryDay.model_validate_json(value).model_dump_json().encode() == value
        assert from_json(value) == day


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b"null", b'{"day":"2026-01-02"}', b"\xff"])
def test_what_is_no_row_is_refused(value: bytes) -> None:
    """S13: a row that cannot be read is an error that shows it, never an empty day."""
    with pytest.raises(HistoryError, match="not a component's day"):
        with_rows({}, {row_key("a", DAY): value})


@pytest.mark.parametrize("key", [b"", b"a", b'["a"]', b'["a","yesterday"]', b'["a","2026-02-30"]'])
def test_what_is_no_key_is_refused(key: bytes) -> None:
    """S13: the same of a key."""
    with pytest.raises(HistoryError, match="not the key"):
        with_rows({}, {key: to_json("a", [DAY, 1, 0, 0, 0])})


def test_recovery_takes_the_last_of_each_row() -> None:
    """S13: whatever rows a changelog still holds, the last of each day makes the state, tombstones too."""
    states: dict[bytes, bytes] = {}
    rows = {row_key("a", DAY): to_json("a", [DAY, 0, 9, 0, 0, 5, 0, 9, 0, 0])}
    with_rows(states, rows)
    with_rows(states, {row_key("a", DAY): to_json("a", [DAY, 0, 3, 0, 0, 5, 0, 2, 0, 0, 7, 0, 1, 0, 0])})
    assert states == {b"a": history(5, 5, 7)}
    state, days = changed_in_hour(states[b"a"], (DAY + 60) * 24, ONE)
    with_rows(states, {row_key("a", number): to_json("a", day) if day else None for number, day in days})
    assert states == {b"a": state}
    with_rows(states, {row_key("a", DAY): None, row_key("b", DAY): None})
    assert states == {b"a": history(60 * 24)}
    with_rows(states, {row_key("a", DAY + 60): None})
    assert states == {}
    assert with_day(None, DAY, None) is None
