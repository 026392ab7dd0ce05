"""Who is named: by verdicts, and by the plain rules of the contract."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from schemas.stats import is_problematic
from schemas.verdicts import ComponentVerdicts, VerdictKind
from tests.evidence.folding import Folded

__all__ = ["Named", "Pair", "by_plain_rules", "by_verdicts"]

Pair = tuple[str, str]
_COUNT_LEAST: Final = 2
_REMOVALS_LEAST: Final = 2


@dataclass(frozen=True, slots=True)
class Named:
    """Components and pairs (a < b) that a set of rules names."""

    problematic: frozenset[str]
    removed: frozenset[str]
    conflicts: frozenset[Pair]

    @property
    def anybody(self) -> frozenset[str]:
        """Every component that something is held against."""
        return self.problematic | self.removed | {each for pair in self.conflicts for each in pair}


def by_verdicts(rows: Mapping[str, ComponentVerdicts]) -> Named:
    """Return whom the verdicts name."""
    held = [(each, verdict) for each, row in rows.items() for verdict in row.verdicts]
    return Named(
        frozenset(each for each, verdict in held if verdict.kind is VerdictKind.PROBLEMATIC),
        frozenset(each for each, verdict in held if verdict.kind is VerdictKind.FREQUENTLY_REMOVED),
        frozenset(
            (min(each, verdict.other), max(each, verdict.other))
            for each, verdict in held
            if verdict.other is not None
        ),
    )


def by_plain_rules(folded: Folded) -> Named:
    """Return whom the plain rules name: 3 failures and more than half, 2 removals, 2 co-failures."""
    rows = folded.rows
    return Named(
        frozenset(each for each, row in rows.items() if is_problematic(row.total[0], row.total[1])),
        frozenset(each for each, row in rows.items() if row.total[3] >= _REMOVALS_LEAST),
        frozenset(pair for pair, count in folded.pairs.items() if count >= _COUNT_LEAST),
    )
