"""Decoding a run of records: plain events by column, all others one by one, and both to the same events.

A bad record is data: it becomes a dead letter with a reason, and the rest of its run counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
import orjson

from processor.domain.columns import Columns, Plain, columns_of, is_plain, made_plain, not_plain, plain_of
from processor.domain.config import FoldConfig
from processor.domain.events import Event, Events, joined
from processor.domain.fingerprint import fingerprint
from processor.domain.names import Book
from processor.domain.record import (
    FROM_HEADER,
    LAST_MS,
    DeadLetter,
    Record,
    Taken,
    header_of,
    is_control,
    record_ms,
)
from processor.domain.split import split
from schemas import HOST_ID_MAX
from schemas.times import to_us
from schemas.wire import WireError, validate_event

__all__ = ["KEY_NOT_UTF8", "KEY_TOO_LONG", "NOT_JSON", "RUN_LENGTH", "Decoded", "decode", "decode_one"]

RUN_LENGTH = 700
"""Records decoded at a time: few enough that their objects stay in the processor's cache."""

NOT_JSON = "not_json"
KEY_NOT_UTF8 = "key_not_utf8"
KEY_TOO_LONG = "key_too_long"
"""Reasons of dead letters, beside those of the contract (WireReason)."""

_LAST_US = LAST_MS * 1000
_FIELDS = attrgetter(*Taken._fields)


@dataclass(slots=True)
class Decoded:
    """What a run of records held.

    Attributes:
        events: the events, in offset order.
        dead: the dead letters.
        ignored: how many records have no value.
        newest_ms: the newest time of a record, in milliseconds since the epoch.
        controls: where control records stand in the run. If there are any, nothing of the run is decoded.
        taken: the run's records, if nothing of it is decoded.
    """

    events: Events
    dead: list[DeadLetter]
    ignored: int
    newest_ms: int
    controls: Sequence[int] = ()
    taken: Sequence[Taken] = ()

    def __len__(self) -> int:
        return len(self.events) + len(self.dead) + self.ignored


def decode(records: Iterable[Record], config: FoldConfig, book: Book) -> Decoded:
    """Decode a run of records of one partition, best about RUN_LENGTH of them at a time.

    Args:
        records: the run; looped over once, and no record is kept.
        config: the folds' settings.
        book: takes in the names that the events' numbers stand for.
    """
    taken = list(map(_FIELDS, records))
    if not taken:
        return Decoded(Events.of((), book), [], 0, 0)
    run = _Run(taken, config, book)
    return run.decode()


class _Run:
    """A run of records by column, each but the headers' known to be of the right type."""

    def __init__(self, taken: Sequence[Any], config: FoldConfig, book: Book) -> None:
        _, times_ms, self._keys, self._values, self._headers = zip(*taken, strict=True)
        self._taken = taken
        self._config = config
        self._book = book
        self._heard_ms = np.minimum(np.maximum(np.array(times_ms, np.int64), 0), LAST_MS)

    def decode(self) -> Decoded:
        """Return what the run holds."""
        headers = any(self._headers)
        if not headers and (plain := split(self._values, self._book)):
            return self._decoded(self._events(plain))
        records = self._records() if headers else []
        if controls := [place for place, record in enumerate(records) if is_control(record)]:
            return Decoded(Events.of((), self._book), [], 0, 0, controls, records)
        columns = columns_of(self._values)
        if is_plain(columns):
            odd: set[int] = set()
        else:
            columns = made_plain(columns, self._keys)
            odd = set(not_plain(columns))
        odd.update(place for place, record in enumerate(records) if _is_copy(record))
        if odd:
            return self._mixed(columns, odd)
        return self._decoded(self._events(plain_of(columns, self._book)))

    def _decoded(self, events: Events, dead: Sequence[DeadLetter] = (), ignored: int = 0) -> Decoded:
        return Decoded(events, list(dead), ignored, int(self._heard_ms.max()))

    def _records(self) -> list[Taken]:
        return list(map(Taken._make, self._taken))

    def _events(self, plain: Plain, places: Sequence[int] | None = None) -> Events:
        """Return plain events, no forwarded copies; a time not to be believed becomes the record's.

        Args:
            plain: their columns.
            places: where in the run they stand; everywhere if not given.
        """
        config, heard_ms, taken = self._config, self._heard_ms, self._taken
        if places is not None:
            heard_ms, taken = heard_ms[list(places)], [taken[place] for place in places]
        at_us = np.minimum(np.maximum(heard_ms * 1000, config.earliest_us), _LAST_US - config.skew_us)
        times_us = plain.times_us
        skewed = (times_us < config.earliest_us) | (times_us > at_us + config.skew_us)
        if skewed.any():
            times_us = np.where(skewed, at_us, times_us)
        return Events(
            plain.components, plain.outcomes, times_us, plain.prints, plain.hosts, heard_ms, skewed, taken
        )

    def _mixed(self, columns: Columns, odd: set[int]) -> Decoded:
        """Decode the records at the places `odd` one by one, and the others by column."""
        plain = [place for place in range(len(self._taken)) if place not in odd]
        parts: list[Events] = []
        if plain:
            chosen = tuple([column[place] for place in plain] for column in columns)
            parts.append(self._events(plain_of(chosen, self._book), plain))
        found: list[Event] = []
        places: list[int] = []
        dead: list[DeadLetter] = []
        ignored = 0
        for place in sorted(odd):
            one = decode_one(Taken._make(self._taken[place]), self._config)
            if one is None:
                ignored += 1
            elif isinstance(one, DeadLetter):
                dead.append(one)
            else:
                found.append(one)
                places.append(place)
        events = joined([*parts, Events.of(found, self._book)])
        return self._decoded(events.take(np.argsort(plain + places)), dead, ignored)


def _is_copy(record: Record) -> bool:
    return bool(record.headers) and header_of(record, FROM_HEADER) is not None


def decode_one(record: Record, config: FoldConfig) -> Event | DeadLetter | None:
    """Return one record's event, whatever its form; None if it has no value."""
    if record.value is None:
        return None
    try:
        outcome = validate_event(orjson.loads(record.value))
    except orjson.JSONDecodeError:
        return DeadLetter(record, NOT_JSON, "")
    except WireError as error:
        return DeadLetter(record, error.reason, error.field or "")
    host = record.key or b"" if outcome.host_id is None else outcome.host_id.encode()
    if outcome.host_id is None and (reason := _key_fault(host)):
        return DeadLetter(record, reason, "key")
    at_us = _settle(record_ms(record), config)
    stated_us = at_us if outcome.timestamp is None else to_us(outcome.timestamp)
    skewed = not config.earliest_us <= stated_us <= at_us + config.skew_us
    return Event(
        component=outcome.component_id,
        outcome=outcome.outcome_type.value,
        time_us=at_us if skewed else stated_us,
        fingerprint=b"" if outcome.event_id is None else fingerprint(outcome.event_id),
        host=host,
        heard_ms=min(max(record.timestamp, 0), LAST_MS),
        skewed=skewed,
        record=record,
    )


def _key_fault(key: bytes) -> str:
    """Return why a record's key cannot stand for a host id, or ""."""
    try:
        length = len(key.decode())
    except UnicodeDecodeError:
        return KEY_NOT_UTF8
    return KEY_TOO_LONG if length > HOST_ID_MAX else ""


def _settle(time_ms: int, config: FoldConfig) -> int:
    """Return a record's time in microseconds, within what can be believed and written."""
    return min(max(time_ms * 1000, config.earliest_us), _LAST_US - config.skew_us)
