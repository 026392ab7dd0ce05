"""How surprising a pair is: failing together more often than each one's failures alone would bring about.

By count alone, chance pairs of popular components drown the real conflicts. The measure is the
log-likelihood ratio G² of a two-by-two table (T. Dunning, "Accurate Methods for the Statistics of
Surprise and Coincidence", Computational Linguistics 19(1), 1993), with a sign: positive when the pair is
seen more often than expected, negative when less.

With `n` = all failures, `a` and `b` = the failures of the two, `k` = the sessions in which both failed:

              b fails     b does not
    a fails      k          a - k
    a does not   b - k      n - a - b + k

    G² = 2 * sum(observed * ln(observed / expected)),   expected = row total * column total / n

The sessions of a component are not on the topics, its failures are; they stand in for them, and the sum
of all failures for the number of sessions. Both are too large by about the same factor (the failures of
one session), so the order of the pairs is kept.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log

from processor.serve.queries import PairRow, StatsRow

__all__ = ["RankedPair", "most_surprising", "rank", "signed_g2"]


@dataclass(frozen=True, slots=True)
class RankedPair:
    """A pair, how often it was seen and expected, and how surprising that is."""

    component_a: str
    component_b: str
    count: int
    expected: float
    surprise: float


def signed_g2(count: int, failures_a: int, failures_b: int, total: int) -> float:
    """Return the signed G² of one pair: above about 10.8 it is chance in one of 1,000 pairs.

    Args:
        count: sessions in which both failed.
        failures_a: failures of the one; taken as `count` when less.
        failures_b: failures of the other; the same.
        total: all failures; taken as large enough for the table when less.
    """
    row, column = max(failures_a, count), max(failures_b, count)
    total = max(total, row + column - count, 1)
    table = (
        (count, row, column),
        (row - count, row, total - column),
        (column - count, total - row, column),
        (total - row - column + count, total - row, total - column),
    )
    g2 = 2 * sum(seen * log(seen * total / (across * down)) for seen, across, down in table if seen)
    return g2 if count * total >= row * column else -g2


def most_surprising(
    pairs: Iterable[PairRow], stats: Iterable[StatsRow], limit: int | None = None
) -> list[RankedPair]:
    """Return the pairs, most surprising first; among equals by ids.

    Args:
        pairs: the pairs to rank.
        stats: the stats of all components, for each one's failures and their sum.
        limit: how many to return; all when None.
    """
    failures = {row["component_id"]: row["install_failures"] for row in stats}
    total = sum(failures.values())
    ranked = [
        rank(pair["component_a"], pair["component_b"], pair["count"], failures, total) for pair in pairs
    ]
    ranked.sort(key=lambda pair: (-pair.surprise, pair.component_a, pair.component_b))
    return ranked[:limit]


def rank(a: str, b: str, count: int, failures: Mapping[str, int], total: int) -> RankedPair:
    """Return a pair with what is expected of it, and how surprising it is.

    Args:
        a: the one component.
        b: the other.
        count: sessions in which both failed.
        failures: of each component; none where it is not in it.
        total: the sum of all failures.
    """
    failures_a, failures_b = failures.get(a, 0), failures.get(b, 0)
    expected = failures_a * failures_b / total if total else 0.0
    return RankedPair(a, b, count, expected, signed_g2(count, failures_a, failures_b, total))
