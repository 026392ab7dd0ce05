"""How much a count says: intervals, rates that know how little they rest on, and associations of pairs.

Plain arithmetic, no library, so that whoever shows a number can reckon it. What needs distributions of whole
columns stands in `significance`.

A pair's table, over all failure sessions of the fleet: `n` sessions, `a` and `b` of them with a failure of
the one and of the other, `k` with both.

              b fails     b does not
    a fails      k          a - k
    a does not   b - k      n - a - b + k
"""

from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import NormalDist
from typing import Final

__all__ = [
    "SHRINK_STRENGTH",
    "Z_95",
    "Table",
    "chance_bound",
    "expected_count",
    "given_third",
    "lift",
    "shrunk_rate",
    "signed_g2",
    "wilson",
]

Z_95: Final = NormalDist().inv_cdf(0.975)
"""Two-sided 95 % of the normal distribution."""

SHRINK_STRENGTH: Final = 20.0
"""As many made-up attempts at the fleet's rate stand behind a shrunk rate."""


def wilson(successes: int, attempts: int, z: float = Z_95) -> tuple[float, float]:
    """Return the Wilson score interval of a success rate; (0.0, 1.0) with no attempt.

    E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal of the
    American Statistical Association 22 (1927). Unlike the plain normal interval it stays within 0..1, and
    0 of 3 is wide.

    Args:
        successes: attempts that worked.
        attempts: all of them.
        z: the normal quantile; `Z_95` for 95 %.
    """
    if not attempts:
        return 0.0, 1.0
    share, z2 = successes / attempts, z * z
    middle = (share + z2 / (2 * attempts)) / (1 + z2 / attempts)
    half = z / (1 + z2 / attempts) * sqrt(share * (1 - share) / attempts + z2 / (4 * attempts * attempts))
    low = 0.0 if not successes else max(0.0, middle - half)
    return low, 1.0 if successes == attempts else min(1.0, middle + half)


def shrunk_rate(successes: int, attempts: int, fleet_rate: float, strength: float = SHRINK_STRENGTH) -> float:
    """Return a success rate drawn towards the fleet's own: the mean of a Beta-binomial posterior.

    With the prior Beta(strength * fleet_rate, strength * (1 - fleet_rate)), it is the fleet's rate with no
    attempt, and the component's own when attempts are many (A. Gelman et al., "Bayesian Data Analysis", 3rd
    ed., section 2.4).

    Args:
        successes: attempts that worked.
        attempts: all of them.
        fleet_rate: the fleet's successes / attempts, in 0..1.
        strength: how many attempts the fleet's rate weighs; 0 gives the plain rate.
    """
    weight = attempts + strength
    return (successes + strength * fleet_rate) / weight if weight else fleet_rate


def chance_bound(failures: int, attempts: int, rate: float) -> float:
    """Return a bound on the chance of so many failures or more, if each attempt failed at `rate`.

    Chernoff's bound exp(-n * KL(failures / n || rate)) (H. Chernoff, Annals of Mathematical Statistics 23,
    1952): never below the exact binomial tail, and close enough for a threshold. 1.0 where there are no more
    failures than the rate brings.

    Args:
        failures: attempts that failed.
        attempts: all of them.
        rate: the share of attempts that would fail anyway, in 0..1.
    """
    if not attempts or failures <= rate * attempts:
        return 1.0
    if rate <= 0.0:
        return 0.0
    share = failures / attempts
    divergence = share * log(share / rate)
    if share < 1.0:
        divergence += (1 - share) * log((1 - share) / (1 - rate))
    return exp(-attempts * divergence)


@dataclass(frozen=True, slots=True)
class Table:
    """The two-by-two table of a pair.

    Rows that were read a moment apart may not fit: `of` makes the smallest table that holds the counts.
    """

    both: int
    first: int
    second: int
    sessions: int

    @classmethod
    def of(cls, both: int, first: int, second: int, sessions: int) -> "Table":
        """Return a table whose cells are not negative.

        Args:
            both: sessions in which both failed.
            first: sessions in which the one failed; taken as `both` when less.
            second: the same of the other.
            sessions: all failure sessions; taken as large enough when less.
        """
        first, second = max(first, both), max(second, both)
        return cls(both, first, second, max(sessions, first + second - both, 1))

    @property
    def turned(self) -> "Table":
        """The same pair, named the other way round."""
        return Table(self.both, self.second, self.first, self.sessions)


def expected_count(table: Table) -> float:
    """Return in how many sessions both would fail by chance: each of the two as often as it does."""
    return table.first * table.second / table.sessions


def lift(table: Table) -> float:
    """Return how many times more often both fail together than by chance; 0.0 where nothing is expected."""
    expected = expected_count(table)
    return table.both / expected if expected else 0.0


def signed_g2(table: Table) -> float:
    """Return the log-likelihood ratio of a pair's table, negative where it is seen less often than expected.

        G² = 2 * sum(observed * ln(observed / expected)),   expected = row total * column total / sessions

    T. Dunning, "Accurate Methods for the Statistics of Surprise and Coincidence", Computational Linguistics
    19(1), 1993. Above about 10.8 it is chance in one of 1,000 pairs.
    """
    k, row, column, n = table.both, table.first, table.second, table.sessions
    cells = (
        (k, row, column),
        (row - k, row, n - column),
        (column - k, n - row, column),
        (n - row - column + k, n - row, n - column),
    )
    g2 = 2 * sum(seen * log(seen * n / (across * down)) for seen, across, down in cells if seen)
    return g2 if k * n >= row * column else -g2


def given_third(pair: Table, with_first: int, with_second: int, third: int) -> tuple[float, float]:
    """Return how often both would fail by chance once a third component is known, and the variance of that.

    The sessions are taken apart into those in which the third failed and those in which it did not; in each
    the two are independent. These are the mean and the variance of the test of N. Mantel and W. Haenszel
    (Journal of the National Cancer Institute 22, 1959), which needs no count of all three together.

    Args:
        pair: the table of the two.
        with_first: sessions in which the third failed together with the first.
        with_second: the same with the second.
        third: sessions in which the third failed.
    """
    third = max(third, with_first, with_second)
    strata = (
        (third, with_first, with_second),
        (pair.sessions - third, pair.first - with_first, pair.second - with_second),
    )
    mean = variance = 0.0
    for sessions, first, second in strata:
        if sessions > 0:
            mean += first * second / sessions
        if sessions > 1:
            spread = first * (sessions - first) * second * (sessions - second)
            variance += max(spread, 0) / (sessions * sessions * (sessions - 1))
    return mean, variance
