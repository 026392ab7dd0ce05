"""The evidence of each pair of the fleet, and which pairs are only there because of something else.

A third: if a fails with b, and b with c, then a and c fail together as well, without anything between them.
Pairs are gone through from the strongest on; one is explained away when a third stands in a stronger pair
with each of the two, and both would be seen together about as often given that third.

Wide sessions: when thirty components fail at once, few enough to be no mass failure, all of their pairs grow,
and against sessions of two or three that never is chance. So each pair also has to be surprising for how many
pairs its components stand in at all (`wide_chance`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

from processor.domain.evidence import Table, given_third, signed_g2
from processor.domain.significance import benjamini_hochberg, p_values, poisson_tails

__all__ = ["PairEvidence", "PairRules", "weigh_pairs"]

_Pair = tuple[str, str, int]

COUNT_LEAST: Final = 2
"""Below this, a pair is no pair (T11)."""


@dataclass(frozen=True, slots=True)
class PairRules:
    """When a pair is weighed as a conflict, and when a third explains it.

    Attributes:
        candidate_q: pairs above this q-value neither are explained away nor explain others.
        explained_z: as many standard deviations above what a third brings about, a pair is its own.
    """

    candidate_q: float = 0.05
    explained_z: float = 3.0


@dataclass(frozen=True, slots=True)
class PairEvidence:
    """What is known of one pair, a < b.

    Attributes:
        component_a: the first of the two.
        component_b: the second.
        table: its counts.
        g2: signed G².
        q_value: the expected share of false ones among the pairs that are at least as surprising.
        wide_chance: the chance of so many, if each component's co-failures fell on the others at random.
        explained_by: the third that it is only there for, if there is one.
    """

    component_a: str
    component_b: str
    table: Table
    g2: float
    q_value: float
    wide_chance: float = 0.0
    explained_by: str | None = None


def weigh_pairs(
    pairs: Iterable[tuple[str, str, int]],
    failure_sessions: Mapping[str, int],
    sessions: int,
    rules: PairRules | None = None,
) -> dict[tuple[str, str], PairEvidence]:
    """Return the evidence of each pair with a count of at least 2.

    The family of hypotheses is every two components that failed in two sessions or more, not only the pairs
    that were seen twice: those are picked by their count, and would look better than they are.

    Args:
        pairs: all of them as (a, b, count), a < b, those of a count of 1 among them.
        failure_sessions: of each component, in how many failure sessions it stands.
        sessions: failure sessions of the whole fleet.
        rules: the thresholds.
    """
    rules = rules or PairRules()
    pairs = list(pairs)
    seen = [pair for pair in pairs if pair[2] >= COUNT_LEAST]
    get = failure_sessions.get
    tables = [Table.of(count, get(a, 0), get(b, 0), sessions) for a, b, count in seen]
    able = sum(count >= COUNT_LEAST for count in failure_sessions.values())
    q = benjamini_hochberg(p_values(tables), max(able * (able - 1) // 2, len(tables)))
    wide = poisson_tails([each.both for each in tables], _expected_of_widths(pairs, seen))
    found = {
        (a, b): PairEvidence(a, b, table, signed_g2(table), q_value, chance)
        for (a, b, _), table, q_value, chance in zip(seen, tables, q.tolist(), wide.tolist(), strict=True)
    }
    return found | _explain_away(found, rules)


def _expected_of_widths(pairs: Sequence[_Pair], seen: Sequence[_Pair]) -> list[float]:
    """Return how often each pair would be seen if co-failures fell on partners at random.

    The null model of modularity (M. E. J. Newman, "Modularity and community structure in networks", PNAS 103,
    2006): the product of both components' co-failures with others, over all co-failures. The pair's own are
    left out, so that two components that fail with one another alone are not held to be wide.
    """
    widths: defaultdict[str, int] = defaultdict(int)
    total = 0
    for a, b, count in pairs:
        widths[a] += count
        widths[b] += count
        total += count
    return [(widths[a] - count) * (widths[b] - count) / max(2 * (total - count), 1) for a, b, count in seen]


def _explain_away(
    found: Mapping[tuple[str, str], PairEvidence], rules: PairRules
) -> dict[tuple[str, str], PairEvidence]:
    """Return the pairs that a third explains, with its name."""
    candidates = [pair for pair in found.values() if pair.q_value <= rules.candidate_q and pair.g2 > 0]
    candidates.sort(key=lambda pair: (-pair.g2, pair.component_a, pair.component_b))
    stronger: defaultdict[str, dict[str, Table]] = defaultdict(dict)
    explained = {}
    for pair in candidates:
        a, b = pair.component_a, pair.component_b
        third = _explanation(pair, stronger, rules)
        if third is None:
            stronger[a][b] = pair.table
            stronger[b][a] = pair.table.turned
        else:
            explained[a, b] = PairEvidence(a, b, pair.table, pair.g2, pair.q_value, pair.wide_chance, third)
    return explained


def _explanation(
    pair: PairEvidence, stronger: Mapping[str, Mapping[str, Table]], rules: PairRules
) -> str | None:
    """Return the third that explains a pair best, if one does."""
    of_a, of_b = stronger.get(pair.component_a, {}), stronger.get(pair.component_b, {})
    best, best_excess = None, rules.explained_z
    for third in sorted(of_a.keys() & of_b.keys()):
        with_a, with_b = of_a[third], of_b[third]
        mean, variance = given_third(pair.table, with_a.both, with_b.both, with_a.second)
        excess = (pair.table.both - mean) / sqrt(max(variance, 1.0))
        if excess < best_excess:
            best, best_excess = third, excess
    return best
