"""Whole columns of p-values and q-values, held to scipy's own tests, one by one, and to a textbook."""

import numpy as np
import pytest
from scipy import stats

from processor.domain.evidence import Table
from processor.domain.significance import benjamini_hochberg, p_values, poisson_tails


def contingency(table: Table) -> list[list[int]]:
    k, a, b, n = table.both, table.first, table.second, table.sessions
    return [[k, a - k], [b - k, n - a - b + k]]


def test_small_tables_are_judged_by_fishers_exact_test() -> None:
    """Where less than 5 are expected: the p-value of scipy's Fisher test, one-sided."""
    rng = np.random.default_rng(1)
    tables = [
        Table.of(int(rng.integers(0, 6)), int(rng.integers(1, 40)), int(rng.integers(1, 40)), 500)
        for _ in range(60)
    ]
    wanted = [stats.fisher_exact(contingency(each), alternative="greater").pvalue for each in tables]
    assert p_values(tables) == pytest.approx(wanted, rel=1e-9)


def test_large_tables_are_judged_by_chi_square() -> None:
    """Where each cell expects 5: half of scipy's two-sided chi-square above what is expected."""
    above, below = Table.of(60, 200, 150, 1000), Table.of(15, 200, 150, 1000)
    wanted = stats.chi2_contingency(contingency(above), correction=False).pvalue / 2
    against = stats.chi2_contingency(contingency(below), correction=False).pvalue / 2
    assert p_values([above, below]) == pytest.approx([wanted, 1 - against], rel=1e-9)


def test_the_lady_tasting_tea() -> None:
    """Fisher's own example: all four cups right has the chance 1 in 70; three or more 17 in 70."""
    assert p_values([Table.of(4, 4, 4, 8), Table.of(3, 4, 4, 8)]) == pytest.approx([1 / 70, 17 / 70])


def test_tables_at_their_edges() -> None:
    """No table at all, one with every session in it, one with nothing together."""
    assert list(p_values([])) == []
    assert p_values([Table.of(5, 5, 5, 5), Table.of(0, 3, 3, 50)]) == pytest.approx([1.0, 1.0])


def test_q_values_of_the_papers_example() -> None:
    """Benjamini and Hochberg (1995), 15 hypotheses: at 0.05 the first four are found, and no fifth."""
    p = np.array([0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240,
                  0.4262, 0.5719, 0.6528, 0.7590, 1.0000])  # fmt: skip
    assert [q <= 0.05 for q in benjamini_hochberg(p)] == [True] * 4 + [False] * 11


def test_what_was_never_seen_belongs_to_the_family() -> None:
    """Hypotheses without a p-value raise each q-value in proportion, up to 1."""
    p = np.array([0.001, 0.5])
    assert benjamini_hochberg(p, 20) == pytest.approx([0.02, 1.0])
    assert len(benjamini_hochberg(np.zeros(0), 5)) == 0
    with pytest.raises(ValueError, match="1 hypotheses cannot have 2"):
        benjamini_hochberg(p, 1)


def test_poisson_tails_are_those_of_scipy() -> None:
    """The chance of so many or more."""
    assert poisson_tails([4, 1, 3], [0.97, 2.0, 0.0]) == pytest.approx(
        [stats.poisson.sf(3, 0.97), stats.poisson.sf(0, 2.0), 0.0]
    )
