"""What to tell an installer before it installs: go, warn or hold, and why. Pure: no topic, no clock.

A component that fails for sure is held, and so is a pair in conflict of which both would be there; what is
only unwelcome is warned of. What an operator overrides is let pass, and told. Whoever installs may go on all
the same: it is advice.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from schemas.overrides import HeldVerdict, Override
from schemas.verdicts import Verdict, VerdictKind

__all__ = ["Advice", "Reason", "Word", "advise"]


class Word(StrEnum):
    """What to do."""

    GO = "go"
    WARN = "warn"
    HOLD = "hold"


class Reason(BaseModel):
    """One verdict that counts against the install."""

    component_id: str
    word: Word = Field(description="What this alone comes to, with the override that is in force")
    is_overridden: bool = Field(default=False, description="Whether an override lets it pass")
    verdict: HeldVerdict


class Advice(BaseModel):
    """The answer to an installer."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"component_id": "curl", "word": "go", "reason": "Nothing is held against it.", "reasons": []}
            ]
        }
    )

    component_id: str
    word: Word
    reason: str = Field(description="The gravest reason; or who overrides it; or that there is none")
    reasons: list[Reason]


_NOTHING: Final = "Nothing is held against it."
_GRAVITY: Final = {Word.HOLD: 0, Word.WARN: 1, Word.GO: 2}


def advise(
    component_id: str, others: Iterable[str], held: Mapping[str, Sequence[HeldVerdict]], now: datetime
) -> Advice:
    """Return what to tell who is about to install a component.

    Args:
        component_id: what is to be installed.
        others: what is there already, or comes along.
        held: the verdicts by component.
        now: the time, for overrides that run out.
    """
    present = set(others) - {component_id}
    own = held.get(component_id, ())
    named = {verdict.other for verdict in own if verdict.other is not None}
    found = [(component_id, verdict) for verdict in own]
    found += [
        (each, verdict)
        for each in sorted(present - named)
        for verdict in held.get(each, ())
        if verdict.other == component_id
    ]
    reasons = [_reason(each, verdict, present | {component_id}, now) for each, verdict in found]
    reasons.sort(key=lambda reason: _GRAVITY[reason.word])
    overridden = [reason.verdict for reason in reasons if reason.is_overridden]
    word, sentence = Word.GO, _NOTHING
    if reasons and reasons[0].word is not Word.GO:
        word, sentence = reasons[0].word, reasons[0].verdict.reason
    elif overridden and overridden[0].override is not None:
        sentence = _let_pass(overridden[0].override, overridden[0])
    return Advice(component_id=component_id, word=word, reason=sentence, reasons=reasons)


def _reason(component_id: str, verdict: HeldVerdict, present: set[str], now: datetime) -> Reason:
    word = _word(verdict, present)
    is_overridden = word is not Word.GO and verdict.is_overridden(now)
    return Reason(
        component_id=component_id,
        word=Word.GO if is_overridden else word,
        is_overridden=is_overridden,
        verdict=verdict,
    )


def _let_pass(override: Override, verdict: Verdict) -> str:
    until = f"{override.until:%Y-%m-%d %H:%M}Z"
    return f"Overridden by {override.by} until {until} ({override.reason}): {verdict.reason}"


def _word(verdict: Verdict, present: set[str]) -> Word:
    match verdict.kind:
        case VerdictKind.PROBLEMATIC:
            return Word.HOLD
        case VerdictKind.CONFLICTS_WITH:
            return Word.HOLD if verdict.other in present else Word.GO
        case VerdictKind.FREQUENTLY_REMOVED | VerdictKind.DEPRECATED_IN_USE:
            return Word.WARN
