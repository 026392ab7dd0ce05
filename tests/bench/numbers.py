"""The few statistics that the report needs, as pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["PERCENTILES", "Spread", "percentiles", "spread"]

PERCENTILES = (*range(100), 99.5, 99.9, 100)
"""Which percentiles of a distribution are kept: enough for a curve, few enough for a file."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What several rounds gave.

    Attributes:
        median: the middle one.
        low: the smallest.
        high: the largest.
        rounds: how many there were.
    """

    median: float
    low: float
    high: float
    rounds: int

    def text(self, digits: int = 0) -> str:
        """The median, and the range if there was more than one round."""
        middle = f"{self.median:,.{digits}f}"
        if self.rounds == 1:
            return middle
        return f"{middle} ({self.low:,.{digits}f}–{self.high:,.{digits}f})"  # noqa: RUF001 -- a range has an en dash


def spread(values: Sequence[float]) -> Spread:
    """Sum up the rounds of one figure.

    Raises:
        ValueError: there is none.
    """
    if not values:
        raise ValueError("no round")
    return Spread(median(values), min(values), max(values), len(values))


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Percentiles by their names: `p50` is the value below which half of all lie.

    Args:
        values: in any order.

    Returns:
        One value for each of PERCENTILES; `p0` is the smallest and `p100` the largest.

    Raises:
        ValueError: there is none.
    """
    if not values:
        raise ValueError("no value")
    ordered = sorted(values)
    last = len(ordered) - 1
    return {f"p{share:g}": ordered[min(last, int(len(ordered) * share / 100))] for share in PERCENTILES}
