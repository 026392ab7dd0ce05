"""The ring of a host: the fingerprints of its last event ids, oldest first, as bytes without gaps.

What is in the ring when an event comes is a duplicate, and does not refresh its place: that is judged event
by event.
"""

from collections.abc import Sequence

from processor.domain.fingerprint import FINGERPRINT_BYTES

__all__ = ["is_in_ring", "put_one_by_one"]


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
