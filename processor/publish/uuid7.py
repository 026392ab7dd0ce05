"""A UUIDv7 sorts by the millisecond it was made in; its 74 random bits keep it unique (RFC 9562)."""

import secrets
import time
from uuid import UUID

__all__ = ["uuid7", "uuid7_from"]

_VERSION = 0x7 << 76
_VARIANT = 0x2 << 62
_RAND_A = 0xFFF
_RAND_B = (1 << 62) - 1
_TIME = (1 << 48) - 1


def uuid7() -> UUID:
    """Return a new UUIDv7 with the clock's time."""
    return uuid7_from(time.time_ns() // 1_000_000, secrets.randbits(74))


def uuid7_from(time_ms: int, random_bits: int) -> UUID:
    """Return the UUIDv7 of a time and 74 bits.

    Args:
        time_ms: milliseconds since the epoch; the lowest 48 bits count.
        random_bits: the lowest 74 bits count.
    """
    rand_a = (random_bits >> 62) & _RAND_A
    return UUID(int=(time_ms & _TIME) << 80 | _VERSION | rand_a << 64 | _VARIANT | random_bits & _RAND_B)
