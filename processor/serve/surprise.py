"""How surprising a pair is: failing together more often than each one's failures alone would bring about.

By count alone, chance pairs of popular components drown the real conflicts. The measure is signed G²
(`processor.domain.evidence`).

The sessions of a component are not on the topics, its failures are; they stand in for them, and the sum
of all failures for the number of sessions. Both are too large by about the same factor (the failures of
one session), so the order of the pairs is kept.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from processor.domain.evidence import Table, signed_g2
from processor.serve.queries import PairRow, StatsRow

__all__ = ["RankedPair", "most_surprising", "rank"]


@dataclass(frozen=True, slots=True)
class RankedPair:
    """A pair, how often it was seen and expected, and how surprising that is."""

    component_a: str
    component_b: str
    count: int
    expected: float
    surprise: float


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
    return RankedPair(a, b, count, expected, signed_g2(Table.of(count, failures_a, failures_b, total)))
