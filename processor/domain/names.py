"""Numbers for the names of a batch: what is counted by number is counted at C speed.

A batch names a few thousand components and hosts again and again. Each gets the next number when it is first
met, so that numbers are dense, and whatever is known of a name stands in a list at its number.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from schemas import OutcomeType

__all__ = ["OUTCOMES", "OUTCOME_NUMBERS", "Book", "Names"]

OUTCOMES = tuple(outcome.value for outcome in OutcomeType)
"""The outcomes in the order of their numbers."""

OUTCOME_NUMBERS = {outcome: number for number, outcome in enumerate(OUTCOMES)}

N = TypeVar("N", str, bytes)


class Names(dict[N, int], Generic[N]):
    """The number of each name; a name that is asked for the first time gets the next one.

    Attributes:
        by_number: the names in the order of their numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.by_number: list[N] = []

    def __missing__(self, name: N) -> int:
        """Give a new name the next number."""
        number = self[name] = len(self.by_number)
        self.by_number.append(name)
        return number


@dataclass(slots=True)
class Book:
    """The names of one batch: components, and hosts as UTF-8.

    `parts` is the splitter's own: by shape, the numbers of components and hosts as they stand in values.
    """

    components: Names[str] = field(default_factory=Names)
    hosts: Names[bytes] = field(default_factory=Names)
    parts: dict[Hashable, Any] = field(default_factory=dict)
