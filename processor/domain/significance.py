"""Which of many pairs fail together more often than chance allows: whole columns at once, by scipy.

Only the writer of verdicts loads this module; scipy takes 143 MB and two seconds, and no worker needs it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from processor.domain.evidence import Table

__all__ = ["benjamini_hochberg", "p_values", "poisson_tails"]

_EXPECTED_LEAST = 5.0
_NEGLIGIBLE = 1e-17

Floats = NDArray[np.float64]


def p_values(tables: Sequence[Table]) -> Floats:
    """Return for each pair the chance of failing together at least so often, if the two were independent.

    One-sided. Pearson's chi-square where each cell expects at least 5 sessions, else Fisher's exact test: the
    usual rule (W. G. Cochran, "Some Methods for Strengthening the Common chi-square Tests", Biometrics 10,
    1954).
    """
    if not tables:
        return np.zeros(0)
    columns = [(each.both, each.first, each.second, each.sessions) for each in tables]
    both, first, second, sessions = np.array(columns, dtype=np.float64).T
    least = np.minimum(first, sessions - first) * np.minimum(second, sessions - second) / sessions
    large = least >= _EXPECTED_LEAST
    found = np.empty(len(tables))
    found[large] = _chi_square(both[large], first[large], second[large], sessions[large])
    small = ~large
    found[small] = _fisher(both[small], first[small], second[small], sessions[small])
    return found


def _chi_square(both: Floats, first: Floats, second: Floats, sessions: Floats) -> Floats:
    """Return the upper tail of the signed root of Pearson's chi-square, which is normal."""
    spread = first * (sessions - first) * second * (sessions - second)
    root = (both * sessions - first * second) * np.sqrt(sessions / spread)
    tail: Any = special.ndtr(-root)
    return np.asarray(tail, dtype=np.float64)


def _fisher(both: Floats, first: Floats, second: Floats, sessions: Floats) -> Floats:
    """Return the upper tails of hypergeometric distributions, all at once.

    scipy's own takes 190 us a pair. The first term comes from its gamma function; each of the next follows
    from the one before, until none adds anything.
    """
    ln = special.gammaln

    def ln_choose(n: Floats, k: Floats) -> Floats:
        return np.asarray(ln(n + 1) - ln(k + 1) - ln(n - k + 1), dtype=np.float64)

    term = np.exp(
        ln_choose(first, both) + ln_choose(sessions - first, second - both) - ln_choose(sessions, second)
    )
    tail, at, highest = term.copy(), both.copy(), np.minimum(first, second)
    alive = at < highest
    while alive.any():
        with np.errstate(divide="ignore", invalid="ignore"):
            step = (first - at) * (second - at) / ((at + 1) * (sessions - first - second + at + 1))
        term = np.where(alive, term * step, 0.0)
        tail += term
        at += 1
        alive &= (at < highest) & ((term > _NEGLIGIBLE * tail) | (step > 1))
    return np.minimum(tail, 1.0)


def benjamini_hochberg(p: Floats, hypotheses: int | None = None) -> Floats:
    """Return q-values: of all pairs up to one of them, at most that share is expected to be false.

    Y. Benjamini and Y. Hochberg, "Controlling the False Discovery Rate", Journal of the Royal Statistical
    Society B 57 (1995); the adjustment by scipy.

    Args:
        p: the pairs' p-values.
        hypotheses: how many pairs could have been found, those without a p-value included; by default as many
            as have one. Where only pairs with a count were tested, the others belong to the family all the
            same: chance had its try at each of them.

    Raises:
        ValueError: fewer hypotheses than p-values.
    """
    if not len(p):
        return np.zeros(0)
    family = len(p) if hypotheses is None else hypotheses
    if family < len(p):
        raise ValueError(f"{family} hypotheses cannot have {len(p)} p-values")
    adjusted: Any = stats.false_discovery_control(p)
    return np.minimum(np.asarray(adjusted, dtype=np.float64) * (family / len(p)), 1.0)


def poisson_tails(counts: Sequence[int], expected: Sequence[float]) -> Floats:
    """Return for each the chance of so many or more, where so many are expected.

    Args:
        counts: how many were seen, 1 or more.
        expected: how many each Poisson distribution expects.
    """
    tails: Any = special.gammainc(np.array(counts, dtype=np.float64), np.array(expected, dtype=np.float64))
    return np.asarray(tails, dtype=np.float64)
