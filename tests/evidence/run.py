"""One fleet from its first event to its last, judged on the way as the service judges it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from processor.domain.conflicts import PairEvidence, PairRules, weigh_pairs
from processor.domain.facts import Rules
from processor.domain.verdicts import Partner, judge
from processor.domain.windows import DAY_US, HOUR_US
from schemas.verdicts import ComponentVerdicts
from tests.evidence.fleets import BREAKS_US, END_US, SPAN_US, draw, happenings
from tests.evidence.folding import Folded
from tests.evidence.rules import Pair
from tests.evidence.scores import Outcome
from tests.evidence.watch import Watch

__all__ = ["run"]

_SELDOM_US: Final = 12 * HOUR_US
_OFTEN_US: Final = 5 * 60_000_000

Rows = dict[str, ComponentVerdicts]


def run(seed: int) -> Outcome:
    """Return what came of the fleet of a seed."""
    fleet = draw(seed)
    folded, watch = Folded(), Watch(fleet)
    rows: Rows = {}
    moments = _moments()
    moment = next(moments)
    events = sorted(happenings(fleet))
    for event in events:
        while event[0] > moment:
            rows = evaluate(folded, rows, moment)
            watch.look(rows, folded, moment)
            moment = next(moments, END_US)
        folded.take(event)
    rows = evaluate(folded, rows, END_US)
    watch.look(rows, folded, END_US)
    return watch.finish(rows, folded, len(events))


def _moments() -> Iterator[int]:
    """Yield when verdicts are looked at: twice a day, and every five minutes once something breaks."""
    yield from range(END_US - SPAN_US + DAY_US, BREAKS_US, _SELDOM_US)
    yield from range(BREAKS_US, END_US, _OFTEN_US)
    yield END_US


def evaluate(folded: Folded, rows: Rows, now_us: int) -> Rows:
    """Return all rows as they stand at a moment."""
    fleet, rules = folded.fleet(now_us), Rules()
    pairs = ((a, b, count) for (a, b), count in folded.pairs.items() if count)
    weighed = weigh_pairs(pairs, folded.failure_sessions, folded.sessions)
    facts = {component: folded.facts(component) for component in folded.rows}
    partners: defaultdict[str, list[Partner]] = defaultdict(list)
    for evidence in _worth_a_look(weighed, rows):
        a, b = evidence.component_a, evidence.component_b
        partners[a].append(Partner(facts[b], evidence))
        partners[b].append(Partner(facts[a], evidence))
    judged = (judge(rows.get(each), facts[each], partners[each], fleet, rules) for each in facts)
    return {row.component_id: row for row in judged if row is not None}


def _worth_a_look(weighed: Mapping[Pair, PairEvidence], rows: Rows) -> Iterator[PairEvidence]:
    """Yield the pairs that may be conflicts, and those of verdicts that stand."""
    held = {(each, verdict.other) for each, row in rows.items() for verdict in row.verdicts}
    for pair, evidence in weighed.items():
        if evidence.q_value <= PairRules().candidate_q or pair in held:
            yield evidence
