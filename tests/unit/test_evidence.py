"""The formulas, held to values from textbooks and to tables worked by hand."""

import math

import pytest

from processor.domain.evidence import (
    Table,
    chance_bound,
    expected_count,
    given_third,
    lift,
    shrunk_rate,
    signed_g2,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "attempts", "low", "high"),
    [
        # R. G. Newcombe, "Two-sided confidence intervals for the single proportion" (1998), method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_that_of_the_textbook(
    successes: int, attempts: int, low: float, high: float
) -> None:
    """Newcombe's four examples of the score method, to four digits."""
    assert list(wilson(successes, attempts)) == pytest.approx([low, high], abs=5e-5)


def test_nothing_tried_says_nothing() -> None:
    """No attempt: the rate may be anything, and the shrunk rate is the fleet's."""
    assert wilson(0, 0) == (0.0, 1.0)
    assert shrunk_rate(0, 0, 0.9) == 0.9
    assert shrunk_rate(0, 0, 0.9, strength=0) == 0.9


def test_none_of_three_is_no_claim_and_none_of_three_hundred_is_one() -> None:
    """The shrunk rate of 0 of 3 stays near the fleet's; that of 0 of 300 is near 0."""
    assert shrunk_rate(0, 3, 0.95) == pytest.approx(19 / 23)
    assert shrunk_rate(0, 300, 0.95) == pytest.approx(19 / 320)
    assert shrunk_rate(1, 4, 0.95, strength=0) == 0.25


def test_the_chance_bound_is_chernoffs() -> None:
    """All of n at rate p: exactly p^n; as many as the rate brings, or fewer: no surprise."""
    assert chance_bound(5, 5, 0.1) == pytest.approx(1e-5)
    assert chance_bound(1, 10, 0.1) == 1.0
    assert chance_bound(0, 0, 0.1) == 1.0
    assert chance_bound(1, 10, 0.0) == 0.0
    # exp(-10 * (0.5 ln 5 + 0.5 ln(0.5 / 0.9)))
    assert chance_bound(5, 10, 0.1) == pytest.approx(
        math.exp(-10 * (0.5 * math.log(5) + 0.5 * math.log(5 / 9)))
    )


def test_g2_of_a_table_worked_by_hand() -> None:
    """Dunning's measure on a table that is easily worked: 10 of 10 together among 100."""
    # Rows and columns of 10 and 90: G2 = 2 * (10 ln 10 + 90 ln(100/90)).
    assert signed_g2(Table.of(10, 10, 10, 100)) == pytest.approx(65.017, abs=0.001)


def test_g2_of_dunnings_own_example() -> None:
    """Table 2 of Dunning (1993): "the swiss", 110 bigrams, 2,442 and 111 words, 31,777 in all: 270.72."""
    assert signed_g2(Table.of(110, 2442 + 110, 111 + 110, 31777)) == pytest.approx(270.72, abs=0.01)


def test_g2_is_zero_when_as_expected_and_negative_below() -> None:
    """Independent components surprise nobody; a pair seen less often than expected has the minus sign."""
    assert signed_g2(Table.of(4, 20, 20, 100)) == pytest.approx(0.0, abs=1e-9)
    assert signed_g2(Table.of(1, 50, 50, 100)) < 0 < signed_g2(Table.of(10, 20, 20, 100))


@pytest.mark.parametrize("counts", [(0, 0, 0, 0), (5, 0, 0, 0), (3, 3, 3, 3), (2, 9, 1, 4)])
def test_rows_that_do_not_fit_make_a_table_all_the_same(counts: tuple[int, int, int, int]) -> None:
    """Stats and pairs are read a moment apart: a count above a component's sessions does no harm."""
    table = Table.of(*counts)
    assert math.isfinite(signed_g2(table))
    assert math.isfinite(lift(table))
    assert table.sessions >= table.first + table.second - table.both


def test_expected_count_and_lift() -> None:
    """Each in a fifth of 100 sessions: 4 together by chance, 12 are three times as many."""
    table = Table.of(12, 20, 20, 100)
    assert expected_count(table) == 4.0
    assert lift(table) == 3.0
    assert lift(Table.of(0, 0, 0, 10)) == 0.0


def test_a_third_explains_what_it_brings_about() -> None:
    """Where a and c fail only when b does, and half the time each, a quarter of b's sessions has both."""
    mean, variance = given_third(Table.of(10, 20, 20, 1000), 20, 20, 40)
    assert mean == pytest.approx(10.0)
    assert variance == pytest.approx(20 * 20 * 20 * 20 / (40 * 40 * 39))
    mean, variance = given_third(Table.of(20, 20, 20, 1000), 20, 20, 20)
    assert (mean, variance) == (20.0, 0.0)
