"""A time on a topic is RFC 3339 text in UTC; inside the folds it is integer microseconds since the epoch.

Both hold the same moments exactly: no float comes between them, so an edge of 60 s is an edge of 60 s.
Reading is wider than writing: an offset, a missing zone (UTC), lower case `t` and `z`, and a fraction of
any length (cut to microseconds) are accepted. A date alone, a number, or another ISO 8601 form is not.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer, WithJsonSchema

__all__ = ["UtcTime", "format_us", "from_us", "parse_time", "parse_us", "to_us"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_BARE = datetime(1970, 1, 1)  # noqa: DTZ001  # UTC by construction; without a zone it prints faster
_US_PER_S = 1_000_000
_S_PER_DAY = 86_400

_PARTS = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(?:\.([0-9]+))?"
    r"([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
)
_LEAP_SECOND = 60


def to_us(time: datetime) -> int:
    """Return an aware time as microseconds since the epoch; exact, and defined for every aware time.

    Raises:
        TypeError: the time has no zone.
    """
    since = time - _EPOCH
    return (since.days * _S_PER_DAY + since.seconds) * _US_PER_S + since.microseconds


def from_us(time_us: int) -> datetime:
    """Return microseconds since the epoch as an aware time in UTC.

    Raises:
        OverflowError: the year would not be in 1..9999.
    """
    return _EPOCH + timedelta(microseconds=time_us)


def format_us(time_us: int) -> str:
    """Return microseconds since the epoch as `2026-01-02T03:04:05.000006Z`, always 27 characters.

    Raises:
        OverflowError: the year would not be in 1..9999.
    """
    return (_EPOCH_BARE + timedelta(microseconds=time_us)).isoformat(timespec="microseconds") + "Z"


def parse_us(text: str) -> int:
    """Return the microseconds since the epoch of a time that `format_us` wrote.

    Raises:
        ValueError: not an ISO 8601 time with a zone.
    """
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text!r} has no zone")
    return to_us(time)


def parse_time(text: str) -> datetime:
    """Return the aware time that an RFC 3339 date-time names; without a zone it is read as UTC.

    A leap second (`23:59:60` in UTC) is read as the second after it, as POSIX clocks do.

    Raises:
        ValueError: not an RFC 3339 date-time, or no such day, hour, minute or second.
    """
    match = _PARTS.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 date-time")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    leap = int(second) == _LEAP_SECOND
    kept = f"{year}-{month}-{day}T{hour}:{minute}:{'59' if leap else second}.{(fraction or '')[:6]:0<6}"
    time = datetime.fromisoformat(kept + _offset(zone))
    return _after_leap_second(time) if leap else time


def _offset(zone: str | None) -> str:
    return "+00:00" if zone is None or zone in "Zz" else zone


def _after_leap_second(time: datetime) -> datetime:
    try:
        in_utc = time.astimezone(UTC)
        if (in_utc.hour, in_utc.minute) == (23, 59):
            return time + timedelta(seconds=1)
    except OverflowError:
        pass  # the end of the year 9999 has no second after it
    raise ValueError("a second of 60 stands only at 23:59:60 UTC")


def _in_utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the year is not in 1..9999 in UTC") from error


# A time in a model: always aware and in UTC; as JSON always with microseconds and `Z`.
UtcTime = Annotated[
    datetime,
    AfterValidator(_in_utc),
    PlainSerializer(lambda time: format_us(to_us(time)), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
