"""The rings of all hosts of a batch at once: which of its events are duplicates, and the rings after it.

The law is that of `ring.put_one_by_one`, host by host. But most hosts have no duplicate, and to be sure of
that needs no search: prints are marked in a table by some of their bits, and what meets no mark is not there.
Only hosts with an event that meets one are looked at event by event.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from processor.domain.events import Numbers
from processor.domain.fingerprint import FINGERPRINT_BYTES
from processor.domain.ring import is_in_ring, put_one_by_one

__all__ = ["Judged", "judge"]

_SLOTS_A_PRINT = 16  # fewer meet by chance the more there are; a slot is a byte
_NONE = bytes(FINGERPRINT_BYTES)
_FEW_HOSTS = 65_536  # numbers of 16 bits are sorted in one pass


class Judged(NamedTuple):
    """What the rings say of a batch.

    Attributes:
        rings: of each host, by its number, after the batch.
        duplicates: the places of the events that were in their host's ring.
        last: by host the place of its last event that was no duplicate, or -1.
    """

    rings: list[bytes]
    duplicates: list[int]
    last: list[int]


def judge(hosts: Numbers, prints: NDArray[np.uint64], rings: Sequence[bytes], ring_size: int) -> Judged:
    """Put a batch's prints into its hosts' rings.

    Args:
        hosts: of each event, in offset order, its host's number.
        prints: of each event, its fingerprint as an integer, 0 for one without id.
        rings: of each host, by its number, the fingerprints of its last events, oldest first.
        ring_size: how many fingerprints a ring holds at most; none of `rings` has more.
    """
    if not len(hosts):
        return Judged(list(rings), [], [-1] * len(rings))
    limit, width = ring_size * FINGERPRINT_BYTES, FINGERPRINT_BYTES
    order = np.argsort(hosts.astype(np.uint16) if len(rings) <= _FEW_HOSTS else hosts, kind="stable")
    ends = np.cumsum(np.bincount(hosts, minlength=len(rings)))
    sorted_prints = prints[order]
    fresh = sorted_prints.tobytes()
    bounds = [0, *(ends * width).tolist()]
    after = [
        (ring + fresh[start:end])[-limit:] if end > start else ring
        for ring, (start, end) in zip(rings, pairwise(bounds), strict=True)
    ]
    last = np.where(np.diff(ends, prepend=0) > 0, order[ends - 1], -1).tolist()
    duplicates: list[int] = []
    for host in _suspects(hosts[order], sorted_prints, fresh, rings, bounds):
        first, end = bounds[host] // width, bounds[host + 1] // width
        after[host], repeated = put_one_by_one(
            rings[host], _one_by_one(fresh[bounds[host] : bounds[host + 1]]), limit
        )
        places = order[first:end].tolist()
        duplicates += [places[number] for number in repeated]
        gone = set(repeated)
        last[host] = next((places[n] for n in reversed(range(len(places))) if n not in gone), -1)
    return Judged(after, duplicates, last)


def _suspects(
    hosts: Numbers, prints: NDArray[np.uint64], fresh: bytes, rings: Sequence[bytes], bounds: Sequence[int]
) -> list[int]:
    """Return the hosts that may have a duplicate, or have an event without id.

    Args:
        hosts: of each event its host's number, sorted.
        prints: of each event.
        fresh: the same as bytes.
        rings: before the batch.
        bounds: where each host's prints begin in `fresh`, and where the last one's end.
    """
    known = np.frombuffer(b"".join(rings), np.uint64)
    marks = np.zeros(_slots(len(known)), np.bool_)
    marks[known & np.uint64(len(marks) - 1)] = True
    met = np.flatnonzero(marks[prints & np.uint64(len(marks) - 1)])
    width = FINGERPRINT_BYTES
    found = {
        host
        for host, place in zip(hosts[met].tolist(), met.tolist(), strict=True)
        if is_in_ring(rings[host], fresh[place * width : place * width + width])
    }
    # Of the events that share a slot, all but one find another's number there.
    takers = np.empty(_slots(len(prints)), np.int32)
    slots, numbers = prints & np.uint64(len(takers) - 1), np.arange(len(prints), dtype=np.int32)
    takers[slots] = numbers
    shared = np.unique(hosts[takers[slots] != numbers]).tolist()
    found.update(host for host in shared if _repeats(fresh[bounds[host] : bounds[host + 1]]))
    found.update(np.unique(hosts[prints == 0]).tolist())
    return sorted(found)


def _slots(count: int) -> int:
    """Return how many slots a table for so many prints has: a power of two."""
    return 1 << (_SLOTS_A_PRINT * count).bit_length()


def _one_by_one(fresh: bytes) -> list[bytes]:
    """Return fingerprints that stand one behind the other as a list, empty where an event has no id."""
    cut = [fresh[at : at + FINGERPRINT_BYTES] for at in range(0, len(fresh), FINGERPRINT_BYTES)]
    return [b"" if each == _NONE else each for each in cut]


def _repeats(fresh: bytes) -> bool:
    prints = _one_by_one(fresh)
    return len(set(prints)) < len(prints)
