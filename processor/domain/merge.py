"""Pairs: signed changes are added to pair counts, in any order."""

from collections import Counter
from collections.abc import Callable, Iterable

from processor.domain.sessions import Pair
from schemas.cofailure import pair_key

__all__ = ["NegativeCountError", "fold_pairs"]


class NegativeCountError(ArithmeticError):
    """Something was withdrawn more often than it was counted: a change was lost or applied twice."""


def fold_pairs(
    changes: Iterable[tuple[Pair, int]], count_of: Callable[[bytes], int | None]
) -> dict[bytes, tuple[Pair, int]]:
    """Return the pairs that the changes touch with their counts, by the pairs' keys; 0 where none is left.

    Args:
        changes: pairs with their signed changes, in any order, a pair any number of times.
        count_of: gives a pair's count so far by its key, or None.

    Raises:
        NegativeCountError: a count fell below 0. Changes of one host come in order, so that none can.
    """
    sums: Counter[Pair] = Counter()
    for pair, change in changes:
        sums[pair] += change
    counts: dict[bytes, tuple[Pair, int]] = {}
    for pair, change in sums.items():
        key = pair_key(*pair)
        count = (count_of(key) or 0) + change
        if count < 0:
            raise NegativeCountError(f"the pair {pair} would be counted {count} times")
        if change:
            counts[key] = pair, count
    return counts
