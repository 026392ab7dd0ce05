"""What to tell an installer before it installs: go, warn or hold, and why. Pure: no topic, no clock.

A component that fails for sure is held, and so is a pair in conflict of which both would be there; what is
only unwelcome is warned of. Whoever installs may go on all the same: it is advice.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

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
    word: Word = Field(description="What this alone would come to")
    verdict: Verdict


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
    reason: str = Field(description="One sentence: the gravest reason, or that there is none")
    reasons: list[Reason]


_NOTHING: Final = "Nothing is held against it."
_GRAVITY: Final = {Word.HOLD: 0, Word.WARN: 1, Word.GO: 2}


def advise(component_id: str, others: Iterable[str], held: Mapping[str, Sequence[Verdict]]) -> Advice:
    """Return what to tell who is about to install a component.

    Args:
        component_id: what is to be installed.
        others: what is there already, or comes along.
        held: the verdicts by component.
    """
    present = set(others) - {component_id}
    reasons = [
        Reason(component_id=component_id, word=_word(verdict, present), verdict=verdict)
        for verdict in held.get(component_id, ())
    ]
    named = {verdict.other for verdict in held.get(component_id, ()) if verdict.other is not None}
    reasons += [
        Reason(component_id=each, word=Word.HOLD, verdict=verdict)
        for each in sorted(present - named)
        for verdict in held.get(each, ())
        if verdict.other == component_id
    ]
    reasons.sort(key=lambda reason: _GRAVITY[reason.word])
    against = [reason for reason in reasons if reason.word is not Word.GO]
    if not against:
        return Advice(component_id=component_id, word=Word.GO, reason=_NOTHING, reasons=reasons)
    first = against[0]
    return Advice(component_id=component_id, word=first.word, reason=first.verdict.reason, reasons=reasons)


def _word(verdict: Verdict, present: set[str]) -> Word:
    match verdict.kind:
        case VerdictKind.PROBLEMATIC:
            return Word.HOLD
        case VerdictKind.CONFLICTS_WITH:
            return Word.HOLD if verdict.other in present else Word.GO
        case VerdictKind.FREQUENTLY_REMOVED | VerdictKind.DEPRECATED_IN_USE:
            return Word.WARN
