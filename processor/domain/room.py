"""How many rows a partition's table may take: a bound on memory that no publisher can move.

The law: every row that there is, is exact. A row that was refused once has lost changes; so from the first
refusal on a partition is sealed: it takes no new row until all is folded again, under whatever limit. Rows
are refused in the order in which their changes stand in the partition, by its own rows alone.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from typing import TypeVar

__all__ = ["changes_within", "crowded_out"]

K = TypeVar("K")
C = TypeVar("C")


def crowded_out(keys: Collection[K], known: Collection[K], limit: int, *, sealed: bool) -> list[K]:
    """Return those of a batch's keys that are new and find no room, in the batch's order.

    Args:
        keys: what the batch touched, each once.
        known: the partition's rows.
        limit: how many rows it may have; 0: any number.
        sealed: whether it has refused a row before.
    """
    if not sealed and (not limit or len(known) + len(keys) <= limit):
        return []
    new = (key for key in keys if key not in known)
    return list(islice(new, 0 if sealed else max(limit - len(known), 0), None))


def changes_within(
    changes: Iterable[tuple[C, int]], key_of: Callable[[C], K], known: Collection[K]
) -> Iterator[tuple[C, int]]:
    """Yield the changes of rows that there are: all that a sealed partition still takes.

    A change that withdraws what was refused must not fall on nothing, and what was refused must not come back
    with a part of its count.
    """
    return (change for change in changes if key_of(change[0]) in known)
