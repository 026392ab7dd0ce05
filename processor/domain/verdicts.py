"""Verdicts as a state machine: the row that stands, and what is known now, give the row that stands next.

A verdict that goes on keeps its time; one that ends leaves, and a mended conflict leaves a note, so that old
counts alone do not bring it back. The same row twice, or a number that moved a little, is no news.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from processor.domain.conflicts import PairEvidence
from processor.domain.facts import Facts, Fleet, PairFacts, Rules
from processor.domain.judging import (
    Finding,
    conflict,
    deprecated,
    explained_share,
    problematic,
    removed,
)
from processor.domain.reasons import reason
from processor.domain.windows import DAY_US
from schemas.times import from_us, to_us
from schemas.verdicts import (
    CONFLICTS_MAX,
    ComponentVerdicts,
    EndedConflict,
    Verdict,
    VerdictEvidence,
    VerdictKind,
)

__all__ = ["Partner", "is_news", "judge"]

_GRAVITY: Final = {kind: place for place, kind in enumerate(VerdictKind)}
_MOVED: Final = 0.1
_GROWN: Final = 2


@dataclass(frozen=True, slots=True)
class Partner:
    """A pair as one of its two components sees it."""

    other: Facts
    evidence: PairEvidence


def judge(
    standing: ComponentVerdicts | None,
    facts: Facts,
    partners: Sequence[Partner],
    fleet: Fleet,
    rules: Rules,
) -> ComponentVerdicts | None:
    """Return a component's row as it should stand now; None without a verdict and without a note.

    Args:
        standing: the row that stands.
        facts: the component's numbers.
        partners: its pairs that may be conflicts; those of verdicts that stand among them.
        fleet: the fleet's numbers, at this moment.
        rules: the bounds.
    """
    now_us = fleet.now_us
    held = {(each.kind, each.other): each for each in standing.verdicts} if standing else {}
    ended = {each.other: each for each in standing.ended} if standing else {}
    conflicts, notes = _conflicts(held, ended, facts, partners, now_us, rules)
    named = {each.other for each in conflicts}
    explained = explained_share(
        facts, [each.evidence for each in partners if each.other.component_id in named]
    )
    findings = (
        problematic(facts, fleet, rules, stands=(VerdictKind.PROBLEMATIC, None) in held,
                    explained=explained),
        removed(facts, fleet, rules, stands=(VerdictKind.FREQUENTLY_REMOVED, None) in held),
        deprecated(facts, now_us, stands=(VerdictKind.DEPRECATED_IN_USE, None) in held),
        *conflicts,
    )  # fmt: skip
    verdicts = [_verdict(each, held, now_us) for each in findings if each is not None]
    if not verdicts and not notes:
        return None
    return ComponentVerdicts(
        component_id=facts.component_id,
        verdicts=sorted(verdicts, key=_order),
        ended=notes,
        updated_at=from_us(now_us),
    )


def _conflicts(
    held: Mapping[tuple[VerdictKind, str | None], Verdict],
    ended: Mapping[str, EndedConflict],
    facts: Facts,
    partners: Sequence[Partner],
    now_us: int,
    rules: Rules,
) -> tuple[list[Finding], list[EndedConflict]]:
    """Return the conflicts, most surprising first, and the notes of those that were mended."""
    found: list[Finding] = []
    notes = dict(ended)
    for partner in partners:
        other = partner.other.component_id
        verdict, note = held.get((VerdictKind.CONFLICTS_WITH, other)), ended.get(other)
        pair = PairFacts(
            partner.evidence,
            max(facts.first_seen_us or 0, partner.other.first_seen_us or 0),
            _last_counted_us(facts, partner, verdict),
            note.count if note else 0,
        )
        finding = conflict(pair, now_us, rules, stands=verdict is not None)
        if finding is not None:
            found.append(Finding(finding.kind, finding.evidence, finding.confidence, other))
            notes.pop(other, None)
        elif verdict is not None:
            count = partner.evidence.table.both
            notes[other] = EndedConflict(other=other, count=count, at=from_us(now_us))
    found.sort(key=lambda each: (-(each.evidence.surprise or 0.0), each.other or ""))
    newest = sorted(notes.values(), key=lambda each: (-to_us(each.at), each.other))
    return found[:CONFLICTS_MAX], newest[:CONFLICTS_MAX]


def _last_counted_us(facts: Facts, partner: Partner, verdict: Verdict | None) -> int:
    """Return when both last failed together, or a time after that.

    Pairs have no times. Both failed then at the latest when the one of them failed last that did so first;
    and as long as the count is the one on the row, at the latest when the row says.
    """
    latest = min(facts.last_failure_us or 0, partner.other.last_failure_us or 0)
    if verdict is None or verdict.evidence.last_counted is None:
        return latest
    if verdict.evidence.count != partner.evidence.table.both:
        return latest
    return min(latest, to_us(verdict.evidence.last_counted))


def _verdict(
    finding: Finding, held: Mapping[tuple[VerdictKind, str | None], Verdict], now_us: int
) -> Verdict:
    standing = held.get((finding.kind, finding.other))
    return Verdict(
        kind=finding.kind,
        other=finding.other,
        since=standing.since if standing else from_us(now_us),
        reason=reason(finding),
        confidence=finding.confidence,
        evidence=finding.evidence,
    )


def _order(verdict: Verdict) -> tuple[int, float, str]:
    return _GRAVITY[verdict.kind], -(verdict.evidence.surprise or 0.0), verdict.other or ""


def is_news(standing: ComponentVerdicts | None, row: ComponentVerdicts | None) -> bool:
    """Say whether a row is worth writing: another verdict, numbers that moved far, or moved for a day.

    Args:
        standing: the row on the topic.
        row: what `judge` made of it.
    """
    if standing is None or row is None:
        return standing is not row
    if _identity(standing) != _identity(row):
        return True
    pairs = list(zip(standing.verdicts, row.verdicts, strict=True))
    if any(_moved(old.evidence, new.evidence) for old, new in pairs):
        return True
    day_over = to_us(row.updated_at) - to_us(standing.updated_at) >= DAY_US
    return day_over and any(old.evidence != new.evidence for old, new in pairs)


def _identity(row: ComponentVerdicts) -> tuple[list[tuple[VerdictKind, str | None]], list[EndedConflict]]:
    """Return what a row claims, whatever its numbers are; conflicts may change places."""
    return sorted((each.kind, each.other) for each in row.verdicts), row.ended


def _moved(old: VerdictEvidence, new: VerdictEvidence) -> bool:
    if old.rate is not None and new.rate is not None and abs(old.rate - new.rate) >= _MOVED:
        return True
    before, after = old.count or 0, new.count or 0
    return after >= _GROWN * before > 0 or before >= _GROWN * after > 0
