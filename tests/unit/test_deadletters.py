"""X8: when bad records become too many."""

import pytest

from processor.domain.deadletters import DeadLetterGauge


def test_a_share_over_the_limit_is_told_once_the_window_is_full() -> None:
    """X8: more than half of at least 1,000 consecutive records."""
    gauge = DeadLetterGauge(0.5, 1000)
    assert gauge.add(999, 999) is None
    assert gauge.add(1, 0) == pytest.approx(0.999)


def test_exactly_the_limit_is_not_over_it() -> None:
    """X8: the limit itself is allowed."""
    assert DeadLetterGauge(0.5, 1000).add(1000, 500) is None
    assert DeadLetterGauge(0.5, 1000).add(1000, 501) == pytest.approx(0.501)


def test_each_window_is_judged_by_itself() -> None:
    """X8: a good week must not buy a bad deploy its time."""
    gauge = DeadLetterGauge(0.5, 1000)
    assert gauge.add(100_000, 0) is None
    assert gauge.add(1000, 1000) == pytest.approx(1.0)


def test_one_turns_the_limit_off() -> None:
    """X8: 1.0 lets everything into the topic."""
    assert DeadLetterGauge(1.0, 1000).add(5000, 5000) is None
