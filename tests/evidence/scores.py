"""What came of fleets, in counts that add up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

__all__ = ["Both", "Outcome", "Score", "score", "total"]

T = TypeVar("T")


@dataclass(slots=True)
class Score:
    """One question: how many were rightly and wrongly named, and how many there were to find."""

    right: int = 0
    wrong: int = 0
    hidden: int = 0

    @property
    def precision(self) -> float:
        """The share of what was named that is real; 1 where nothing was."""
        named = self.right + self.wrong
        return self.right / named if named else 1.0

    @property
    def recall(self) -> float:
        """The share of what is real that was named; 1 where nothing is."""
        return self.right / self.hidden if self.hidden else 1.0


def score(named: Iterable[T], real: Iterable[T], tolerated: Iterable[T] = ()) -> Score:
    """Compare what was named with what is real.

    Args:
        named: what a rule names.
        real: what it should name.
        tolerated: what is real too, but rests on too few counts to be asked for: neither right nor wrong.
    """
    found, true = set(named), set(real)
    return Score(len(found & true), len(found - true - set(tolerated)), len(true))


def total(scores: Iterable[Score]) -> Score:
    """Return the counts of several fleets together."""
    every = list(scores)
    return Score(sum(s.right for s in every), sum(s.wrong for s in every), sum(s.hidden for s in every))


@dataclass(slots=True)
class Both(Generic[T]):
    """A figure of the verdicts, and the same of the plain rule."""

    verdicts: T
    plain: T


@dataclass(slots=True)
class Outcome:
    """What came of one fleet.

    Attributes:
        seed: which fleet.
        events: how many were folded.
        conflicts: pairs that clash, those with at least 8 co-failures.
        by_strength: found and hidden ones, by the share of meetings in which they fail.
        problematic: components that fail now, with at least 8 failures since they do.
        removed: components that people throw away.
        accused: components that nothing is wrong with, and that something is held against at the end.
        innocents: how many there are.
        accused_ever: against how many of them a verdict stood at any time.
        flaps: verdicts that ended though what they said went on.
        detected: for each component that broke, minutes and its installs until it was named, None if never.
        mended_hours: for each that was mended, hours until it was no longer named, None if never.
        notes: what was missed or wrongly named, a line each.
    """

    seed: int
    events: int
    conflicts: Both[Score]
    by_strength: dict[float, Score]
    problematic: Both[Score]
    removed: Both[Score]
    accused: Both[int]
    innocents: int
    accused_ever: int
    flaps: int
    detected: Both[Sequence[tuple[float, int] | None]]
    mended_hours: Both[Sequence[float | None]]
    notes: list[str] = field(default_factory=list)
