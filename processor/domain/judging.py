"""What the numbers of a component or a pair say today, given whether it was held against it before.

Each judgement has a bound to enter and a weaker one to stay, so that a number that wavers about one of them
does not make a verdict come and go. Nothing here knows a clock or a topic.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log
from typing import Final

from processor.domain.conflicts import PairEvidence
from processor.domain.evidence import chance_bound, expected_count, lift, shrunk_rate, wilson
from processor.domain.facts import Facts, Fleet, PairFacts, Rules
from processor.domain.windows import DAY_US, WINDOWS, Counts, start_us
from schemas.times import from_us
from schemas.verdicts import VerdictEvidence, VerdictKind, Window

__all__ = [
    "Finding",
    "conflict",
    "deprecated",
    "explained_share",
    "is_silent",
    "problematic",
    "removed",
]

_HOURS: Final[tuple[Window, ...]] = tuple(each for each, span_us in WINDOWS.items() if span_us <= DAY_US)


@dataclass(frozen=True, slots=True)
class Finding:
    """A judgement against a component, before it has a sentence and a time."""

    kind: VerdictKind
    evidence: VerdictEvidence
    confidence: float
    other: str | None = None


def problematic(
    facts: Facts, fleet: Fleet, rules: Rules, *, stands: bool, explained: float = 0.0
) -> Finding | None:
    """Judge whether a component fails too often: the shortest window that can decide decides.

    So a breakage of this hour is not drowned in a good month, and a bad month not held against what was
    mended today. A window condemns when more than half of its installs fail for sure, or, within a day, when
    clearly more of them fail than used to and than fail in the whole fleet now.

    Args:
        facts: the component's numbers.
        fleet: the fleet's, at this moment.
        rules: the bounds.
        stands: whether the verdict stands already.
        explained: the share of its failures that conflicts explain, in 0..1.
    """
    now_us = fleet.now_us
    month = facts.lately.window("30d", now_us)
    if month.failures - round(month.failures * explained) < rules.failures_least:
        return None
    doubtful: Finding | None = None
    for window in WINDOWS:
        counts = facts.lately.window(window, now_us)
        bad = counts.failures - round(counts.failures * explained)
        good = counts.successes
        if not bad + good:
            continue
        if bad >= rules.failures_least:
            usual = _usual(facts, fleet, window, month)
            chance = chance_bound(bad, bad + good, usual)
            doubtful = _rate_finding(
                VerdictKind.PROBLEMATIC, window, now_us, Counts(good, bad), usual, chance
            )
            if chance <= rules.chance and _condemns(window, bad, bad + good, usual, rules):
                return doubtful
        if wilson(bad, bad + good)[1] < (rules.mended_rate if stands else rules.problematic_rate):
            return None
    return doubtful if stands else None


def _condemns(window: Window, bad: int, attempts: int, usual: float, rules: Rules) -> bool:
    if wilson(bad, attempts)[0] > rules.problematic_rate:
        return True
    return window in _HOURS and bad >= (usual + rules.broken_by) * attempts


def _usual(facts: Facts, fleet: Fleet, window: Window, month: Counts) -> float:
    """Return the share of installs that fails anyway: the fleet's now or, within a day, its own before."""
    now = fleet.failing[window]
    if window not in _HOURS:
        return now
    inside = facts.lately.window(window, fleet.now_us)
    failed = max(month.failures - inside.failures, 0)
    attempts = failed + max(month.successes - inside.successes, 0)
    return max(now, shrunk_rate(failed, attempts, fleet.failing_month))


def removed(facts: Facts, fleet: Fleet, rules: Rules, *, stands: bool) -> Finding | None:
    """Judge whether people throw a component away: removals beside installs, over 30 days."""
    counts = facts.lately.window("30d", fleet.now_us)
    gone = counts.removals
    if gone < rules.removals_least:
        return None
    kept = max(counts.successes - gone, 0)
    chance = chance_bound(gone, kept + gone, fleet.removing)
    low, _ = wilson(gone, kept + gone)
    if low <= (rules.kept_rate if stands else rules.removed_rate) or (not stands and chance > rules.chance):
        return None
    return _rate_finding(
        VerdictKind.FREQUENTLY_REMOVED, "30d", fleet.now_us, Counts(kept, gone), fleet.removing, chance
    )


def deprecated(facts: Facts, now_us: int, *, stands: bool) -> Finding | None:
    """Judge whether a deprecated component is still installed or used: in 7 days, or 30 once it stands."""
    if facts.deprecated_us is None:
        return None
    window: Window = "30d" if stands else "7d"
    counts = facts.lately.window(window, now_us)
    uses = counts.uses + counts.successes
    if not uses:
        return None
    start = from_us(start_us(window, now_us))
    evidence = VerdictEvidence(window=window, window_start=start, good=uses)
    return Finding(VerdictKind.DEPRECATED_IN_USE, evidence, 1.0)


def conflict(pair: PairFacts, now_us: int, rules: Rules, *, stands: bool) -> Finding | None:
    """Judge whether two components are in conflict: they fail together too often, and still do.

    The finding names the second component; for the second's own row the caller turns it.
    """
    evidence, table = pair.evidence, pair.evidence.table
    times = lift(table)
    if evidence.wide_chance > rules.wide_chance:
        return None
    q_most = rules.conflict_q_stays if stands else rules.conflict_q
    if evidence.explained_by is not None or evidence.g2 <= 0 or evidence.q_value > q_most:
        return None
    if times < (rules.conflict_lift_stays if stands else rules.conflict_lift):
        return None
    if table.both < rules.count_least or is_silent(pair, now_us, rules):
        return None
    if not stands and pair.ended_count and table.both < pair.ended_count + 2:
        return None
    return Finding(
        VerdictKind.CONFLICTS_WITH,
        VerdictEvidence(
            window="ever",
            count=table.both,
            expected=round(expected_count(table), 3),
            lift=round(times, 2),
            surprise=round(evidence.g2, 2),
            q_value=evidence.q_value,
            last_counted=from_us(pair.last_us),
        ),
        _confidence(evidence.q_value),
        evidence.component_b,
    )


def is_silent(pair: PairFacts, now_us: int, rules: Rules) -> bool:
    """Say whether a pair has stopped failing: for too long, or for longer than its pace lets chance pause.

    Counted at an even pace until it was last counted, it would be silent for `pause` with the chance
    exp(-pace * pause), as a Poisson process is.
    """
    pause_us = now_us - pair.last_us
    if pause_us >= rules.old_us:
        return True
    lived_us = max(pair.last_us - pair.first_us, DAY_US)
    return pair.evidence.table.both / lived_us * pause_us > -log(rules.silent)


def explained_share(facts: Facts, conflicts: Iterable[PairEvidence]) -> float:
    """Return the share of a component's failures that its conflicts explain, in 0..1."""
    beyond = sum(each.table.both - expected_count(each.table) for each in conflicts)
    return min(max(beyond / facts.failure_sessions, 0.0), 1.0) if facts.failure_sessions else 0.0


def _rate_finding(
    kind: VerdictKind, window: Window, now_us: int, counts: Counts, usual: float, chance: float
) -> Finding:
    good, bad = counts.successes, counts.failures
    low, high = wilson(bad, bad + good)
    evidence = VerdictEvidence(
        window=window,
        window_start=from_us(start_us(window, now_us)),
        good=good,
        bad=bad,
        rate=round(bad / (bad + good), 4),
        rate_low=round(low, 4),
        rate_high=round(high, 4),
        usual_rate=round(usual, 4),
    )
    return Finding(kind, evidence, _confidence(chance))


def _confidence(chance: float) -> float:
    """Return 1 - chance, cut so that it never says more than is meant."""
    return int((1 - chance) * 1e4) / 1e4
