"""How surprising a pair is: failing together more often than each one's failures alone would bring about.

By count alone, chance pairs of popular components drown the real conflicts. The measure is signed G²
(`processor.domain.evidence`).

The margins are failure sessions, as in the evidence of verdicts: of all sessions of the fleet, in how many
stands each component, in how many both.
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
    pairs: Iterable[PairRow], stats: Iterable[StatsRow], sessions: int, limit: int | None = None
) -> list[RankedPair]:
    """Return the pairs, most surprising first; among equals by ids.

    Args:
        pairs: the pairs to rank.
        stats: the stats of all components, for each one's failure sessions.
        sessions: failure sessions of the whole fleet.
        limit: how many to return; all when None.
    """
    of = {row["component_id"]: row["failure_sessions"] for row in stats}
    ranked = [rank(pair["component_a"], pair["component_b"], pair["count"], of, sessions) for pair in pairs]
    ranked.sort(key=lambda pair: (-pair.surprise, pair.component_a, pair.component_b))
    return ranked[:limit]


def rank(a: str, b: str, count: int, sessions_of: Mapping[str, int], sessions: int) -> RankedPair:
    """Return a pair with what is expected of it, and how surprising it is.

    Args:
        a: the one component.
        b: the other.
        count: sessions in which both failed.
        sessions_of: failure sessions of each component; none where it is not in it.
        sessions: of the whole fleet.
    """
    of_a, of_b = sessions_of.get(a, 0), sessions_of.get(b, 0)
    expected = of_a * of_b / sessions if sessions else 0.0
    return RankedPair(a, b, count, expected, signed_g2(Table.of(count, of_a, of_b, sessions)))
