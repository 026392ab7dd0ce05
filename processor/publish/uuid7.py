"""A UUIDv7 sorts by the millisecond it was made in; its 74 random bits keep it unique (RFC 9562)."""

import os
import random
import secrets
import time
from uuid import UUID

__all__ = ["UUID_FORMAT", "uuid7", "uuid7_from", "uuid7_parts"]

UUID_FORMAT = "%08x-%04x-7%03x-%04x-%012x"

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


_RANDOM = random.Random(os.urandom(64))  # noqa: S311  # ids must differ, not be secret
# A child that goes on with its parent's numbers would make its parent's ids.
os.register_at_fork(after_in_child=lambda: _RANDOM.seed(os.urandom(64)))


def uuid7_parts() -> tuple[int, int, int, int, int]:
    """Return a new UUIDv7 as the five numbers of `UUID_FORMAT`, in a tenth of the time that `uuid7` takes."""
    time_ms, random_bits = time.time_ns() // 1_000_000, _RANDOM.getrandbits(74)
    return (
        time_ms >> 16 & 0xFFFFFFFF,
        time_ms & 0xFFFF,
        random_bits >> 62,
        0x8000 | (random_bits >> 48) & 0x3FFF,
        random_bits & 0xFFFFFFFFFFFF,
    )
