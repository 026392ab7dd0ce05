"""Pictures made of characters."""

import pytest

from processor.cli.sparks import bar, counted, spark


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0, "░░░░"), (0.001, "█░░░"), (0.5, "██░░"), (0.999, "███░"), (1, "████"), (7, "████"), (-1, "░░░░")],
)
def test_a_bar_is_never_full_or_empty_by_rounding(share: float, expected: str) -> None:
    """What is not nothing is seen, and what is not all is not shown as all."""
    assert bar(share, 4) == expected


def test_a_spark_has_one_character_per_value() -> None:
    """The largest is the highest; nothing is the lowest, and what is more than nothing is not."""
    assert spark([0, 1, 1000, 500]) == "▁▂█▅"
    assert spark([0, 0]) == "▁▁"
    assert spark([]) == ""


def test_times_are_counted_in_equal_steps() -> None:
    """Every time is in one step, the last one in the last."""
    assert counted([0, 1, 99, 100], 4) == [2, 0, 0, 2]
    assert counted([5], 3) == [1, 0, 0]
    assert counted([], 2) == [0, 0]
