"""How long a partition rests after a small batch, so that low rates do not cost many transactions.

A transaction costs a worker some milliseconds, whatever it holds. What comes while a partition rests is
gathered by the broker and goes into one batch.
"""

import math

__all__ = ["SMALL_RECORDS", "rest_until_s"]

SMALL_RECORDS = 500
"""A batch below this is small: larger ones are worth their transaction."""

TICK_S = 0.05  # rests end together, so that one fetch serves all partitions whose rest is over


def rest_until_s(begun_s: float, per_s: int, gathered_s: float) -> float:
    """Return until when a partition rests.

    Args:
        begun_s: when its batch was folded, by any clock.
        per_s: how many transactions of small batches a second they may come to; 0: as many as there are.
        gathered_s: how long the broker gathers for each fetch, which spaces batches already.

    Returns:
        A time by the same clock; `begun_s` itself where there is no need to rest.
    """
    rest_s = 1 / per_s - gathered_s if per_s else 0.0
    return math.ceil((begun_s + rest_s) / TICK_S) * TICK_S if rest_s > 0 else begun_s
