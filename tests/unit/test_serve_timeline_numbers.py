"""Time lines as numbers: every step stands there, all end together, sums stay what they are."""

from datetime import UTC, datetime, timedelta

import pytest

from processor.serve.timeline import filled, grouped, history_rows, newest
from schemas import ComponentHistory
from tests.served import answers_of, day

A = [day("a", "2026-01-01", 9), day("a", "2026-01-03", 1, 2, 0, 4, hours={"01": [1, 2, 0, 4]})]
B = [day("b", "2026-01-04", 0, 7, hours={"00": [0, 7, 0, 0]})]


@pytest.fixture
def histories() -> list[ComponentHistory]:
    answers = answers_of(days=A + B)
    return [answers.history(each) for each in ("a", "b", "unknown")]


def test_steps_without_a_count_stand_there_too(histories: list[ComponentHistory]) -> None:
    """48 hours and 90 days, whatever was counted in them; the last one is the one that is asked for."""
    end = newest(histories, "days")
    assert end == datetime(2026, 1, 4, tzinfo=UTC)
    days = [filled(each, "days", end, "install_failures") for each in histories]
    assert [each[-3:] for each in days] == [[0, 2, 0], [0, 0, 7], [0, 0, 0]]
    assert {len(each) for each in days} == {90}
    hours = filled(histories[0], "hours", newest(histories, "hours"), "removal_count")
    assert (len(hours), hours[-24], sum(hours)) == (48, 4, 4)


def test_what_lies_outside_of_the_window_is_left_out(histories: list[ComponentHistory]) -> None:
    """Counts after the shared end, or before the first step, are none of the picture."""
    early = datetime(2026, 1, 1, tzinfo=UTC)
    assert sum(filled(histories[0], "days", early, "install_successes")) == 9
    assert sum(filled(histories[0], "days", early + timedelta(days=90), "install_successes")) == 1
    assert filled(histories[0], "days", None, "install_successes") == [0] * 90
    assert newest([histories[2]], "days") is None


def test_groups_hold_all_counts() -> None:
    """A picture with fewer cells has the same sum; counts that cannot be parted are refused."""
    assert grouped([1, 2, 3, 4], 2) == [3, 7]
    with pytest.raises(ValueError, match="cannot be parted"):
        grouped([1, 2, 3], 2)


def test_rows_of_a_file_are_days_then_hours(histories: list[ComponentHistory]) -> None:
    """Each step with a count is a row of its own, its begin as on the topics."""
    rows = list(history_rows(histories))
    assert [(each["component_id"], each["step"], each["start"]) for each in rows] == [
        ("a", "day", "2026-01-01T00:00:00.000000Z"),
        ("a", "day", "2026-01-03T00:00:00.000000Z"),
        ("a", "hour", "2026-01-03T01:00:00.000000Z"),
        ("b", "day", "2026-01-04T00:00:00.000000Z"),
        ("b", "hour", "2026-01-04T00:00:00.000000Z"),
    ]
    assert (rows[2]["install_failures"], rows[2]["removal_count"]) == (2, 4)
