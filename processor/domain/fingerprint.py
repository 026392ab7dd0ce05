"""Fingerprints: an event id's 16 bytes in eight, the same in every process and on every machine.

With `high` and `low` the id's halves and `p = A * high + B * low`, a number of 128 bits, the fingerprint is
the upper half of p xor its lower half. Ids that a publisher counts up, or that differ in one half alone, keep
their fingerprints apart; random ones meet once in 2^62. Many are made at once. A cryptographic hash takes
five times as long, and would guard only against a publisher that wants its own events dropped.

As an integer (a "print") a fingerprint is its eight bytes as they lie in memory, so that a ring of bytes is
an array of prints. 0 stands for no id; the one fingerprint that is 0, that of the id without a bit, is 1.
"""

from collections.abc import Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

__all__ = ["FINGERPRINT_BYTES", "fingerprint", "prints", "prints_of"]

FINGERPRINT_BYTES = 8

_HALF_BITS = 64
_HALF = (1 << _HALF_BITS) - 1

# Odd, without a pattern, and below 2^63: the fractions of the square roots of 2 and 3, without bit 63.
_HIGH_FACTOR = 0x6A09E667F3BCC909
_LOW_FACTOR = 0x3B67AE8584CAA73B

_WORD_BITS = np.uint64(32)
_WORD = np.uint64(0xFFFFFFFF)


def fingerprint(event_id: UUID) -> bytes:
    """Return the fingerprint of one event id, however it was spelled."""
    product = _HIGH_FACTOR * (event_id.int >> _HALF_BITS) + _LOW_FACTOR * (event_id.int & _HALF)
    mixed = (product >> _HALF_BITS ^ product) & _HALF
    return (mixed or 1).to_bytes(FINGERPRINT_BYTES, "big")


def prints(ids: bytes) -> NDArray[np.uint64]:
    """Return the fingerprints of event ids as integers.

    Args:
        ids: the ids' 16 bytes each, one behind the other.
    """
    halves = np.frombuffer(ids, ">u8").astype(np.uint64)
    high_upper, high_lower = _product(halves[0::2], _HIGH_FACTOR)
    low_upper, low_lower = _product(halves[1::2], _LOW_FACTOR)
    lower = high_lower + low_lower
    upper = high_upper + low_upper + (lower < low_lower)
    mixed: NDArray[np.uint64] = upper ^ lower
    mixed[mixed == 0] = 1
    return mixed.astype(">u8").view(np.uint64)


def prints_of(fingerprints: Sequence[bytes]) -> NDArray[np.uint64]:
    """Return fingerprints as integers; an empty one, of an event without id, is 0."""
    return np.frombuffer(b"".join(each or bytes(FINGERPRINT_BYTES) for each in fingerprints), np.uint64)


def _product(halves: NDArray[np.uint64], factor: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the upper and the lower 64 bits of each half times a factor below 2^63.

    By words of 32 bits, as on paper: no sum here is above 2^64.
    """
    factor_high, factor_low = np.uint64(factor >> 32), np.uint64(factor & 0xFFFFFFFF)
    high, low = halves >> _WORD_BITS, halves & _WORD
    low_low = factor_low * low
    middle = factor_high * low + (low_low >> _WORD_BITS)
    across = factor_low * high + (middle & _WORD)
    upper = factor_high * high + (middle >> _WORD_BITS) + (across >> _WORD_BITS)
    return upper, halves * np.uint64(factor)
