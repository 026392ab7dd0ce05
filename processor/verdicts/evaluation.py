"""From rows to news: which rows of `verdicts` must be written now. No clock, no broker."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from processor.domain.conflicts import PairEvidence, PairRules, weigh_pairs
from processor.domain.facts import Rules
from processor.domain.verdicts import Partner, is_news, judge
from processor.verdicts.rows import Pair, Rows
from schemas.verdicts import ComponentVerdicts

__all__ = ["News", "evaluate", "weigh"]

News = dict[str, ComponentVerdicts | None]
"""By component its new row; None where its row is to be deleted."""


def weigh(pairs: Iterable[tuple[str, str, int]], failure_sessions: Mapping[str, int], sessions: int,
          held: frozenset[Pair]) -> dict[Pair, PairEvidence]:  # fmt: skip
    """Return the evidence of the pairs that may be conflicts, and of those that are held to be.

    It is made of copies, so that it may run beside the reading of more rows.

    Args:
        pairs: all of them, a < b.
        failure_sessions: of each component.
        sessions: of the whole fleet.
        held: pairs of verdicts that stand.
    """
    rules = PairRules()
    weighed = weigh_pairs(pairs, failure_sessions, sessions, rules)
    return {
        pair: evidence
        for pair, evidence in weighed.items()
        if (evidence.q_value <= rules.candidate_q and evidence.g2 > 0) or pair in held
    }


def evaluate(
    rows: Rows, weighed: Mapping[Pair, PairEvidence], now_us: int, components: Iterable[str]
) -> News:
    """Return what is to be written now.

    Args:
        rows: what is known, and what stands.
        weighed: what `weigh` returned.
        now_us: the time.
        components: whom to look at; whoever has a verdict or a pair that may be a conflict is looked at too.
    """
    partners: defaultdict[str, list[Partner]] = defaultdict(list)
    for (a, b), evidence in weighed.items():
        partners[a].append(Partner(rows.facts(b), evidence))
        partners[b].append(Partner(rows.facts(a), evidence))
    fleet, rules = rows.fleet(now_us), Rules()

    def news() -> Iterator[tuple[str, ComponentVerdicts | None]]:
        for component_id in {*components, *rows.standing, *partners}:
            standing = rows.standing.get(component_id)
            row = judge(standing, rows.facts(component_id), partners.get(component_id, ()), fleet, rules)
            if is_news(standing, row):
                yield component_id, row

    return dict(news())
