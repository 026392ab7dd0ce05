"""How long a partition rests after a small batch, so that low rates do not cost many transactions.

A transaction costs a worker some milliseconds, whatever it holds, and a broker some more for each partition
that it writes to. What comes while a partition rests goes into one batch. Rests end together, at ticks, so
that one fetch and one transaction serve all partitions.
"""

import math

__all__ = ["SETTLE_S", "SMALL_RECORDS", "rest_until_s", "tick_s"]

SMALL_RECORDS = 500
"""A batch below this is small: larger ones are worth their transaction."""

SETTLE_S = 0.01
"""How long after a commit what it wrote is to be seen in all its partitions: a broker answers before."""

_SOURCE_S = 0.003
_INNER_LATER = 0.25


def tick_s(gather_s: float, sources: int) -> float:
    """Return the time from one tick to the next, in seconds.

    Args:
        gather_s: how long small batches gather at least.
        sources: how many partitions the worker folds; with many of them a tick comes less often.
    """
    return max(gather_s, sources * _SOURCE_S)


def rest_until_s(begun_s: float, between_s: float, *, is_inner: bool) -> float:
    """Return until when a partition rests: to a tick, by the same clock.

    One that was folded soon after a tick rests to the next; one that was late, to the one after. The ticks of
    inner partitions come a quarter later than the others': by then what was fetched at those is folded, and
    what it led to can be fetched.

    Args:
        begun_s: when a small batch was folded, by any clock.
        between_s: the time from one tick to the next, more than 0.
        is_inner: whether this application writes the partition itself.
    """
    later_s = between_s * _INNER_LATER if is_inner else 0.0
    return (math.floor((begun_s - later_s) / between_s + 0.5) + 1) * between_s + later_s
