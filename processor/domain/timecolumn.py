"""A column of times in the plain form, `2026-01-02T03:04:05.000006Z`, becomes microseconds at C speed.

The texts are compared with a model of their form, all bytes at once: a digit xor "0" is its value, and
whatever is no digit comes out above nine. The hours, of which a run has few, are for `datetime` to judge: no
30th of February, no hour 24.
"""

from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from processor.domain.events import Numbers
from schemas.times import to_us

__all__ = ["TIME_BYTES", "times_us"]

TIME_BYTES = 27

_FORM = b"0000-00-00T00:00:00.000000Z"
_MOST = bytes((9, 9, 9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9, 0, 5, 9, 0, 5, 9, 0, 9, 9, 9, 9, 9, 9, 0))
_HOUR_END, _MINUTE_AT, _END = 13, 14, 26
# What each digit of a date with its hour adds to the number that names it, like 2026010203.
_HOUR_WEIGHTS = np.array([10**9, 10**8, 10**7, 10**6, 0, 10**5, 10**4, 0, 10**3, 10**2, 0, 10, 1])
# What each digit behind the hour adds to the microseconds since its start.
_MINUTE_US, _SECOND_US = 60_000_000, 1_000_000
_REST_WEIGHTS = np.array(
    [
        10 * _MINUTE_US,
        _MINUTE_US,
        0,
        10 * _SECOND_US,
        _SECOND_US,
        0,
        *(10**place for place in range(5, -1, -1)),
    ]
)


def times_us(joined: bytes, start: bytes = b"", end: bytes = b"") -> Numbers:
    """Return the times, in microseconds since the epoch.

    Args:
        joined: texts of the plain form one behind the other, each between `start` and `end`; the caller has
            seen that each of them is as long as that makes it.
        start: what stands before each.
        end: what stands after each.

    Raises:
        ValueError: not all are of this form, or no times.
    """
    width = len(start) + TIME_BYTES + len(end)
    count = len(joined) // width
    if not count or len(joined) != count * width:
        raise ValueError("another length")
    form, most = _model(start, end, count)
    digits = np.frombuffer(joined, np.uint8) ^ form
    if (digits > most).any():
        raise ValueError("not all have the form of a time")
    rows = digits.reshape(count, width)[:, len(start) :]
    rest_us: Numbers = rows[:, _MINUTE_AT:_END].astype(np.int64) @ _REST_WEIGHTS
    hours = rows[:, :_HOUR_END]
    if (hours == hours[0]).all():
        return rest_us + _hour_us(int(hours[0].astype(np.int64) @ _HOUR_WEIGHTS))
    named, places = np.unique(hours.astype(np.int64) @ _HOUR_WEIGHTS, return_inverse=True)
    starts_us = np.array([_hour_us(name) for name in named.tolist()])
    whole_us: Numbers = rest_us + starts_us[places]
    return whole_us


@lru_cache(maxsize=64)
def _model(start: bytes, end: bytes, count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the form of so many times in their frame, and the most that each byte may differ."""
    form = (start + _FORM + end) * count
    most = (bytes(len(start)) + _MOST + bytes(len(end))) * count
    return np.frombuffer(form, np.uint8), np.frombuffer(most, np.uint8)


@lru_cache(maxsize=4096)
def _hour_us(name: int) -> int:
    """Return the start of the hour that a number like 2026010203 names.

    Raises:
        ValueError: there is no such day or hour.
    """
    date, hour = divmod(name, 100)
    month, day = divmod(date, 100)
    year, month = divmod(month, 100)
    return to_us(datetime(year, month, day, hour, tzinfo=UTC))
