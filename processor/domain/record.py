"""What the folds take in and hand out, as plain data: no client's types, so that a test needs no Kafka."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

__all__ = [
    "CORRECTION_HEADER",
    "FROM_HEADER",
    "GENERATION_HEADER",
    "TIME_HEADER",
    "DeadLetter",
    "Forward",
    "Record",
    "Taken",
    "generation_of",
    "header_of",
    "is_control",
    "record_ms",
]

FROM_HEADER = "fleetfold-from"
"""Marks a forwarded copy: the topic, partition and offset of the original, as `topic/partition/offset`."""

TIME_HEADER = "fleetfold-time"
"""The original's record time in milliseconds since the epoch, in decimal; it stands for the copy's own."""

CORRECTION_HEADER = "fleetfold-correction"
"""Marks a control record, which is no event: the id of the correction that it is part of."""

GENERATION_HEADER = "fleetfold-generation"
"""On a control record: for which generation it is, in decimal; the first, if it does not say."""

LAST_MS = 253_402_300_799_999
"""The end of the year 9999: a time beyond it cannot be written."""

_MS_DIGITS_MAX = 15
_GENERATION_DIGITS_MAX = 4
_CLOCKS_APART_MS = 60_000  # two brokers' clocks are closer than this


class Record(Protocol):
    """One record of `outcome-events`, as a Kafka client gives it."""

    @property
    def offset(self) -> int:
        """Where in the partition."""

    @property
    def timestamp(self) -> int:
        """When the broker or the publisher stamped it, in milliseconds since the epoch."""

    @property
    def key(self) -> bytes | None:
        """The key, or None."""

    @property
    def value(self) -> bytes | None:
        """The value, or None."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """Names and values, in order."""


class Taken(NamedTuple):
    """A record's own fields, taken over so that the client's object need not live any longer."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Forward:
    """A copy of an event that arrived in the wrong partition, for the right one."""

    partition: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that is no event, with the reason's code and the field at fault, or "" if it is the whole."""

    record: Record
    reason: str
    field: str


def header_of(record: Record, name: str) -> bytes | None:
    """Return the last header of that name, or None."""
    for key, value in reversed(record.headers):
        if key == name:
            return value
    return None


def is_control(record: Record) -> bool:
    """Say whether a record is a correction's, and no event."""
    return bool(record.headers) and header_of(record, CORRECTION_HEADER) is not None


def generation_of(record: Record) -> int:
    """Return for which generation a control record is; 0 if it says none that there can be."""
    stated = header_of(record, GENERATION_HEADER)
    if stated is None:
        return 1
    return int(stated) if stated.isdigit() and len(stated) <= _GENERATION_DIGITS_MAX else 0


def record_ms(record: Record) -> int:
    """Return when the event was first published, in milliseconds since the epoch.

    A forwarded copy carries its original's time. A stray `fleetfold-time` on a record that is no copy, or one
    that is no number, is passed over; and one that lies ahead of the copy itself was made up, by somebody who
    would have us believe in events of any time.
    """
    if record.headers and header_of(record, FROM_HEADER) is not None:
        stated = header_of(record, TIME_HEADER)
        if stated is not None and stated.isdigit() and len(stated) <= _MS_DIGITS_MAX:
            first_ms = int(stated)
            return first_ms if first_ms <= record.timestamp + _CLOCKS_APART_MS else record.timestamp
    return record.timestamp
