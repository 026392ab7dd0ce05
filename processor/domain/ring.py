"""The ring of a host: the fingerprints of its last event ids, oldest first, as bytes without gaps.

What is in the ring when an event comes is a duplicate, and does not refresh its place: that is judged event
by event. Where no fingerprint of a batch repeats at all, which is seen at once, there is nothing to judge.
"""

from collections.abc import Sequence

from processor.domain.fingerprint import FINGERPRINT_BYTES

__all__ = ["is_in_ring", "may_repeat", "put_one_by_one"]


def may_repeat(ring: bytes, fresh: Sequence[bytes], fresh_bytes: int) -> bool:
    """Say whether one of the fresh fingerprints may be in the ring, or twice among them; False is certain.

    Args:
        ring: the ring before them.
        fresh: fingerprints in order; one of an event without id is empty.
        fresh_bytes: how many bytes they have together.
    """
    if fresh_bytes < FINGERPRINT_BYTES * len(fresh):
        return True  # not that it repeats: an event without id needs the longer way
    if len(set(fresh)) < len(fresh):
        return True
    # Searching a full ring takes 400 ns; a look at its first, then its second bytes mostly saves it.
    firsts, seconds = ring[::FINGERPRINT_BYTES], ring[1::FINGERPRINT_BYTES]
    suspects = [each for each in fresh if each[0] in firsts and each[1] in seconds]
    return any(is_in_ring(ring, each) for each in suspects)


def put_one_by_one(ring: bytes, fresh: Sequence[bytes], limit_bytes: int) -> tuple[bytes, list[int]]:
    """Put fingerprints into a ring in order; return it, and the numbers of those that were in it."""
    kept = limit_bytes - FINGERPRINT_BYTES
    tail = slice(-kept, None) if kept else slice(0)
    repeated = []
    for number, each in enumerate(fresh):
        if each and is_in_ring(ring, each):
            repeated.append(number)
        elif each:
            ring = ring[tail] + each
    return ring, repeated


def is_in_ring(ring: bytes, fingerprint: bytes) -> bool:
    """Say whether the ring holds the fingerprint, and not just the end of one and the start of the next."""
    at = ring.find(fingerprint)
    while at > -1:
        if at % FINGERPRINT_BYTES == 0:
            return True
        at = ring.find(fingerprint, at + 1)
    return False
