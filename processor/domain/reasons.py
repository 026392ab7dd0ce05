"""Why a verdict was reached, in one plain sentence."""

from typing import Final

from processor.domain.judging import Finding
from schemas.verdicts import VerdictEvidence, VerdictKind, Window

__all__ = ["reason"]

_WHOLE_FROM: Final = 10
_SHOWN_FROM: Final = 0.1

_OVER: Final[dict[Window, str]] = {
    "1h": "in the last hour",
    "2h": "in the last 2 hours",
    "6h": "in the last 6 hours",
    "24h": "in the last 24 hours",
    "7d": "in the last 7 days",
    "30d": "in the last 30 days",
    "ever": "so far",
}


def reason(finding: Finding) -> str:
    """Return the sentence of a finding; ids stand in it as they are."""
    evidence = finding.evidence
    over = _OVER[evidence.window]
    match finding.kind:
        case VerdictKind.PROBLEMATIC:
            return (
                f"{evidence.bad:,} of {_all(evidence):,} installs failed {over}, "
                f"where {_percent(evidence.usual_rate)} is usual."
            )
        case VerdictKind.FREQUENTLY_REMOVED:
            return (
                f"{evidence.bad:,} removals after {_all(evidence):,} installs {over}, "
                f"where {_percent(evidence.usual_rate)} is usual."
            )
        case VerdictKind.DEPRECATED_IN_USE:
            return f"It is deprecated, and was installed or used {_times(evidence.good)} {over}."
        case VerdictKind.CONFLICTS_WITH:
            return (
                f"It failed together with {finding.other} in {evidence.count:,} sessions, "
                f"where chance would bring {_number(evidence.expected)}."
            )


def _all(evidence: VerdictEvidence) -> int:
    return (evidence.good or 0) + (evidence.bad or 0)


def _percent(share: float | None) -> str:
    percent = 100 * (share or 0.0)
    return f"{percent:.{0 if percent >= _WHOLE_FROM else 1}f} %"


def _number(value: float | None) -> str:
    number = value or 0.0
    if number < _SHOWN_FROM:
        return f"less than {_SHOWN_FROM}"
    return f"{number:.{0 if number >= _WHOLE_FROM else 1}f}"


def _times(count: int | None) -> str:
    return "once" if count == 1 else f"{count or 0:,} times"
