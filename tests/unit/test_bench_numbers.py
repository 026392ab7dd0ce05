"""The benchmark's statistics."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.numbers import percentiles, spread

VALUES = st.lists(st.floats(min_value=0, max_value=1e9), min_size=1)


def test_a_spread_says_its_range_only_if_there_is_one() -> None:
    """One round has no range; several show how noisy the machine was."""
    assert spread([1234.5]).text() == "1,234"
    assert spread([3.0, 1.0, 2.0]).text(1) == "2.0 (1.0–3.0)"  # noqa: RUF001 -- a range has an en dash
    assert spread([1.0, 2.0]).median == 1.5


def test_nothing_measured_is_no_figure() -> None:
    """An empty list must not become a number."""
    for summary in (spread, percentiles):
        with pytest.raises(ValueError, match=r"^no "):
            summary([])


def test_percentiles_of_a_hundred_values() -> None:
    """p50 of 0..99 is 50: half of all lie below it."""
    found = percentiles([float(value) for value in reversed(range(100))])
    assert [found[name] for name in ("p0", "p50", "p99", "p100")] == [0, 50, 99, 99]


@given(VALUES)
def test_percentiles_grow_and_are_values_themselves(values: list[float]) -> None:
    """Law: percentiles are taken from the values, in order, from the smallest to the largest."""
    found = list(percentiles(values).values())
    assert found == sorted(found)
    assert set(found) <= set(values)
    assert (found[0], found[-1]) == (min(values), max(values))


@given(VALUES)
def test_a_spread_holds_its_median(values: list[float]) -> None:
    """Law: the median lies in the range."""
    found = spread(values)
    assert found.low <= found.median <= found.high
    assert found.rounds == len(values)
