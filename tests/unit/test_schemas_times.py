from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.times import format_us, from_us, parse_time, parse_us, to_us

FIRST_US = to_us(datetime(1, 1, 1, tzinfo=UTC))
LAST_US = to_us(datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
times_us = st.integers(FIRST_US, LAST_US)


@given(times_us)
def test_microseconds_and_times_are_inverse(time_us: int) -> None:
    """S13: a time keeps its exact value through every form that it takes."""
    assert to_us(from_us(time_us)) == time_us
    assert parse_us(format_us(time_us)) == time_us
    assert to_us(parse_time(format_us(time_us))) == time_us


@given(times_us, times_us)
def test_text_sorts_as_time_does(a_us: int, b_us: int) -> None:
    """S1: texts have one width, so that they compare as the moments do."""
    assert (format_us(a_us) < format_us(b_us)) == (a_us < b_us)


def test_format() -> None:
    """S19: times are RFC 3339 in UTC with microseconds and Z, also where they are zero."""
    assert format_us(1_767_323_045_000_006) == "2026-01-02T03:04:05.000006Z"
    assert format_us(0) == "1970-01-01T00:00:00.000000Z"


def test_to_us_is_defined_where_utc_has_no_name() -> None:
    """X5: a time beyond the calendar's ends in UTC is a number all the same."""
    early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23)))
    assert to_us(early) == FIRST_US - 23 * 3_600_000_000
    with pytest.raises(OverflowError):
        from_us(to_us(early))


def test_time_without_zone_is_no_moment() -> None:
    """X4: inside, a time without a zone is an error and never the machine's own zone."""
    with pytest.raises(TypeError):
        to_us(datetime(2026, 1, 2))  # noqa: DTZ001  # the point of the test
    with pytest.raises(ValueError, match="no zone"):
        parse_us("2026-01-02T03:04:05.000006")
