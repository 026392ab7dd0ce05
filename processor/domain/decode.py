"""Decoding a run of records: plain events by column, all others one by one, and both to the same events.

A bad record is data: it becomes a dead letter with a reason, and the rest of its run counts. An event's time
stays a text of fixed width, which sorts as time does; it becomes a number only where one is needed, once per
delta and per failure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import orjson

from processor.domain.columns import OUTCOMES, Columns, Plain, columns_of, is_plain, made_plain, not_plain
from processor.domain.config import FoldConfig
from processor.domain.events import Event, Events
from processor.domain.fingerprint import fingerprint, fingerprints
from processor.domain.record import (
    FROM_HEADER,
    LAST_MS,
    DeadLetter,
    Record,
    header_of,
    record_ms,
    record_times_ms,
)
from processor.domain.split import split
from schemas import HOST_ID_MAX
from schemas.times import format_us, to_us
from schemas.wire import WireError, validate_event

__all__ = ["KEY_NOT_UTF8", "KEY_TOO_LONG", "NOT_JSON", "RUN_LENGTH", "Decoded", "decode"]

RUN_LENGTH = 500
"""Records decoded at a time: few enough that their objects stay in the processor's cache."""

NOT_JSON = "not_json"
KEY_NOT_UTF8 = "key_not_utf8"
KEY_TOO_LONG = "key_too_long"
"""Reasons of dead letters, beside those of the contract (WireReason)."""

_LAST_US = LAST_MS * 1000


@dataclass(slots=True)
class Decoded:
    """What a run of records held: events, dead letters, and how many records without a value."""

    events: Events = field(default_factory=Events)
    dead: list[DeadLetter] = field(default_factory=list)
    ignored: int = 0


def decode(records: Sequence[Record], config: FoldConfig) -> Decoded:
    """Decode a run of records of one partition, best about RUN_LENGTH of them at a time."""
    if not records:
        return Decoded()
    values = [record.value for record in records]
    headers = any([record.headers for record in records])  # noqa: C419  # a generator takes three times as long
    keys = [record.key for record in records]
    if not headers and (plain := split(values, keys)):
        return Decoded(_events(plain, records, config))
    columns = columns_of(values)
    if is_plain(columns):
        odd: set[int] = set()
    else:
        columns = made_plain(columns, keys)
        odd = set(not_plain(columns))
    if headers:
        odd.update(place for place, record in enumerate(records) if _is_copy(record))
    if odd:
        return _decode_mixed(columns, records, odd, config)
    return Decoded(_events(_plain(columns), records, config))


def _is_copy(record: Record) -> bool:
    return bool(record.headers) and header_of(record, FROM_HEADER) is not None


def _plain(columns: Columns) -> Plain:
    """Return columns that were found plain as the folds take them."""
    components, outcomes, times, ids, hosts, _ = columns
    settled = list(map(OUTCOMES.__getitem__, outcomes))
    encoded = list(map(str.encode, hosts))
    return Plain(components, settled, times, fingerprints(ids), encoded, min(times), max(times))


def _events(plain: Plain, records: Sequence[Record], config: FoldConfig) -> Events:
    """Return plain events, none of them a forwarded copy."""
    components, outcomes, times, prints, hosts, first, last = plain
    events = Events(components, outcomes, times, prints, hosts, record_times_ms(records), records)
    ahead = _text(_settle(min(events.heard_ms), config) + config.skew_us)
    if last > ahead or first < _text(config.earliest_us):
        _straighten(events, config)
    return events


def _straighten(events: Events, config: FoldConfig) -> None:
    """Give each event whose time is not to be believed the time of its record, in place."""
    earliest = _text(config.earliest_us)
    times = list(events.times)
    for place, heard_ms in enumerate(events.heard_ms):
        at_us = _settle(heard_ms, config)
        if not earliest <= times[place] <= _text(at_us + config.skew_us):
            times[place] = _text(at_us)
            events.skewed.add(place)
    events.times = times


def _decode_mixed(columns: Columns, records: Sequence[Record], odd: set[int], config: FoldConfig) -> Decoded:
    """Decode a run in which the records at the places `odd` are looked at one by one."""
    plain = [place for place in range(len(records)) if place not in odd]
    found: dict[int, Event] = {}
    skewed: set[int] = set()
    if plain:
        taken = tuple([column[place] for place in plain] for column in columns)
        part = _events(_plain(taken), [records[place] for place in plain], config)
        found.update(zip(plain, part.one_by_one(), strict=True))
        skewed.update(plain[place] for place in part.skewed)
    decoded = Decoded()
    for place in sorted(odd):
        one = _decode_one(records[place], config)
        if one is None:
            decoded.ignored += 1
        elif isinstance(one, DeadLetter):
            decoded.dead.append(one)
        else:
            found[place], is_skewed = one
            if is_skewed:
                skewed.add(place)
    if found:
        places = sorted(found)
        decoded.events = Events(*zip(*(found[place] for place in places), strict=True))  # type: ignore[arg-type]  # by Event's order
        decoded.events.skewed = {now for now, was in enumerate(places) if was in skewed}
    return decoded


def _decode_one(record: Record, config: FoldConfig) -> tuple[Event, bool] | DeadLetter | None:
    """Return one record's event, whatever its form, and whether it is skewed; None if it has no value."""
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
    event = Event(
        outcome.component_id,
        OUTCOMES[outcome.outcome_type],
        _text(at_us) if skewed else format_us(stated_us),
        b"" if outcome.event_id is None else fingerprint(outcome.event_id),
        host,
        record_times_ms([record])[0],
        record,
    )
    return event, skewed


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


@lru_cache(maxsize=4096)
def _text(at_us: int) -> str:
    return format_us(at_us)
