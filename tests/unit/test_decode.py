"""Decoding: what is no event becomes a dead letter with its reason, and the rest of its run counts."""

from typing import Any
from uuid import UUID

import orjson
import pytest

from processor.domain.config import FoldConfig
from processor.domain.events import Event
from processor.domain.fingerprint import fingerprint, prints
from processor.domain.record import FROM_HEADER, TIME_HEADER, Record
from schemas.times import format_us
from tests.records import NOON, FakeRecord, Seen, at, decoded, event, record, taken, uuid_of

CONFIG = FoldConfig()
NOON_MS = int(NOON.timestamp() * 1000)


def between(*records: Record) -> Seen:
    """Decode the records between two plain ones, which must not suffer."""
    first, last = record(event(host_id="first")), record(event(host_id="last"))
    run = [first, *records, last]
    found = decoded(run, CONFIG)
    assert (found.events[0].host, found.events[-1].host) == (b"first", b"last")
    assert len(found.events) + len(found.dead) + found.ignored == len(run)
    return found


def one(fields: Any = None, **attributes: Any) -> Event:
    """Decode one record that is an event."""
    found = between(record(fields, **attributes))
    assert not found.dead
    return found.events[1]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (orjson.dumps(event())[:-1], "not_json"),
        (orjson.dumps(event()) + b"x", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b'{"component_id":"\xff"}', "not_json"),
        (b'{"component_id":NaN}', "not_json"),
        (b"NaN", "not_json"),
        (b'{"component_id":"\\ud800"}', "not_json"),
        (b"[" * 10_000 + b"]" * 10_000, "not_json"),
        (b'{"component_id":' * 10_000 + b"1" + b"}" * 10_000, "not_json"),
        (b"[]", "not_an_object"),
        (b"3", "not_an_object"),
        (b"null", "not_an_object"),
        (b'"text"', "not_an_object"),
    ],
)
def test_what_is_no_json_object_is_dead(value: bytes, reason: str) -> None:
    """X1: each has its reason code, and its neighbours count."""
    (letter,) = between(record(value=value)).dead
    assert (letter.reason, letter.field, letter.record.value) == (reason, "", value)


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"outcome_type": "exploded"}, "unknown_outcome_type", "outcome_type"),
        ({"outcome_type": None}, "missing", "outcome_type"),
        ({"outcome_type": ["install_failure"]}, "wrong_type", "outcome_type"),
        ({"component_id": None}, "missing", "component_id"),
        ({"component_id": ""}, "empty", "component_id"),
        ({"component_id": "é" * 257}, "too_long", "component_id"),
        ({"component_id": 3}, "wrong_type", "component_id"),
        ({"timestamp": 1767355200}, "wrong_type", "timestamp"),
        ({"timestamp": "2026-01-02"}, "bad_timestamp", "timestamp"),
        ({"timestamp": "2026-02-30T00:00:00.000000Z"}, "bad_timestamp", "timestamp"),
        ({"timestamp": "2026-01-02T24:00:00.000000Z"}, "bad_timestamp", "timestamp"),
        ({"timestamp": "٢٠٢٦-01-02T00:00:00.000000Z"}, "bad_timestamp", "timestamp"),
        ({"context": 3}, "wrong_type", "context"),
        ({"event_id": "not-an-id"}, "bad_event_id", "event_id"),
        ({"event_id": 3}, "wrong_type", "event_id"),
        ({"host_id": {}}, "wrong_type", "host_id"),
        ({"host_id": "h" * 257}, "too_long", "host_id"),
    ],
)
def test_a_bad_field_is_named(fields: dict[str, Any], reason: str, field: str) -> None:
    """X2: the dead letter names the field."""
    (letter,) = between(record(event(**fields))).dead
    assert (letter.reason, letter.field) == (reason, field)


def test_the_longest_ids_count() -> None:
    """X2: limits are in characters: 256 of four bytes each are an id."""
    found = one(event(component_id="😀" * 256, host_id="😀" * 256))
    assert (found.component, found.host) == ("😀" * 256, "😀".encode() * 256)


def test_odd_characters_are_kept() -> None:
    """X9: control characters, quotes, `|`, newlines, emoji and bidirectional marks come through exactly."""
    odd = '\x00\x1b[31m"|\\\n\u202e😀\u2066'
    found = one(event(component_id=odd, host_id=odd))
    assert (found.component, found.host) == (odd, odd.encode())


def test_unknown_fields_are_ignored() -> None:
    """X3: whatever newer publishers add."""
    assert one(event(severity=9, nested={"timestamp": [1]})).component == event()["component_id"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-01-02T12:00:00", "2026-01-02T12:00:00.000000Z"),
        ("2026-01-02T12:00:00.5Z", "2026-01-02T12:00:00.500000Z"),
        ("2026-01-02T12:00:00.123456789Z", "2026-01-02T12:00:00.123456Z"),
        ("2026-01-02T13:00:00+01:00", "2026-01-02T12:00:00.000000Z"),
        ("2026-01-02t12:00:00z", "2026-01-02T12:00:00.000000Z"),
    ],
)
def test_times_in_other_forms(written: str, expected: str) -> None:
    """X4: a time without zone is UTC; offsets and other precisions are the same moment."""
    assert format_us(one(event(timestamp=written)).time_us) == expected


@pytest.mark.parametrize(
    ("written", "time", "skewed"),
    [
        (at(600), at(600), False),
        (at(600.000001), at(0), True),
        ("2026-01-02T13:10:00+01:00", at(600), False),
        ("2026-01-02T13:10:01+01:00", at(0), True),
        ("2000-01-01T00:00:00.000000Z", "2000-01-01T00:00:00.000000Z", False),
        ("1999-12-31T23:59:59.999999Z", at(0), True),
        ("0001-01-01T00:00:00+12:00", at(0), True),
        ("9999-12-31T23:59:59-12:00", at(0), True),
        (None, at(0), False),
    ],
)
def test_clock_skew(written: str | None, time: str, skewed: bool) -> None:
    """X5: over 10 minutes ahead of its record, or before 2000, the record's time counts; so without one."""
    found = one(event(timestamp=written))
    assert (format_us(found.time_us), found.skewed) == (time, skewed)


@pytest.mark.parametrize("timestamp", [-1, 0, 10**18])
def test_a_record_without_a_believable_time(timestamp: int) -> None:
    """X5: a record's own impossible time never stops the worker."""
    found = one(event(timestamp=None), timestamp=timestamp)
    assert "2000-01-01" <= format_us(found.time_us) <= "9999-12-31T23:59:59.999999Z"
    assert 0 <= found.heard_ms <= 253_402_300_799_999


@pytest.mark.parametrize("context", ["x" * 2_048, "x" * 100_000])
def test_a_long_context_is_no_fault(context: str) -> None:
    """X6: a context over its limit is cut, never a dead letter."""
    assert one(event(context=context)).host == b"host-1"


def test_a_record_without_value_is_ignored() -> None:
    """X7: it is counted, and is no dead letter."""
    found = between(record(value=None), record(value=None))
    assert (found.ignored, found.dead, len(found.events)) == (2, [], 2)


@pytest.mark.parametrize(
    ("host_id", "key", "host"),
    [
        ("field", b"key", b"field"),
        (None, "ключ".encode(), "ключ".encode()),
        (None, None, b""),
        (None, b"", b""),
        ("", b"key", b""),
        ("field", b"\xff", b"field"),
    ],
)
def test_the_host_is_field_or_key_or_none(host_id: str | None, key: bytes | None, host: bytes) -> None:
    """S3: without a host id the key counts, without either the one host ""."""
    assert one(event(host_id=host_id), key=key).host == host


@pytest.mark.parametrize(("key", "reason"), [(b"\xff", "key_not_utf8"), (b"k" * 257, "key_too_long")])
def test_a_key_that_is_no_host_is_dead(key: bytes, reason: str) -> None:
    """X1: a key that is needed and is not UTF-8, or too long, is a dead letter that names the key."""
    (letter,) = between(record(event(host_id=None), key=key)).dead
    assert (letter.reason, letter.field) == (reason, "key")


def test_a_copy_keeps_its_first_time() -> None:
    """S12: a forwarded copy is judged by its original's record time, and so gets that time if it has none."""
    copy = ((FROM_HEADER, b"t/1/2"), (TIME_HEADER, b"%d" % (NOON_MS - 60_000)))
    assert format_us(one(event(timestamp=None), headers=copy).time_us) == at(-60)
    assert one(event(timestamp=at(570)), headers=copy).skewed
    assert not one(event(timestamp=at(570)), headers=copy[:1]).skewed
    assert format_us(one(event(timestamp=None), headers=copy[1:]).time_us) == at(0)
    for broken in (b"", b"-1", b"x", b"9" * 5_000, "٣".encode()):
        assert format_us(one(event(timestamp=None), headers=(copy[0], (TIME_HEADER, broken))).time_us) == at(
            0
        )


def test_spellings_of_an_event_id_are_one_id() -> None:
    """S4: upper and lower case of a UUID are the same event, whichever way each was decoded."""
    spelled = "0190ABCD-ef00-7000-8000-00000000000A"
    plain = one(event(event_id=spelled.lower()))
    assert one(event(event_id=spelled)).fingerprint == plain.fingerprint
    assert one(event(event_id=spelled, timestamp=None)).fingerprint == plain.fingerprint
    assert one(event(event_id=None)).fingerprint == b""


def test_one_bad_event_costs_its_run_little() -> None:
    """The run around bad events is still decoded by column: every plain neighbour is found plain."""
    run = [record(event(event_id=uuid_of(number), host_id=f"h{number}")) for number in range(100)]
    run[13] = record(value=b"{")
    run[77] = record(event(timestamp="2026-01-02T12:00:00Z", host_id="h77"))
    found = decoded(run, CONFIG)
    assert [letter.record for letter in found.dead] == [taken(run[13])]
    assert [each.host.decode() for each in found.events] == [f"h{n}" for n in range(100) if n != 13]
    assert [each.record for each in found.events] == [taken(each) for n, each in enumerate(run) if n != 13]


def test_neighbours_do_not_make_up_for_each_other() -> None:
    """X2: an id a digit short beside one a digit long is two dead letters, though joined they look right."""
    short, long = uuid_of(1)[:-1], "0" + uuid_of(1)
    found = between(record(event(event_id=short)), record(event(event_id=long)))
    assert [letter.field for letter in found.dead] == ["event_id"] * 2


def test_an_empty_run() -> None:
    """No records, no events."""
    assert decoded([], CONFIG) == ([], [], 0)
    assert decoded([FakeRecord(value=None)], CONFIG) == ([], [], 1)


def structured_ids() -> dict[str, list[int]]:
    """Ids as publishers without randomness may make them, 20,000 of each kind."""
    count = range(20_000)
    return {
        "counted": list(count),
        "counted in the upper half": [number << 64 for number in count],
        "counted at the top": [number << 112 for number in count],
        "the same in both halves": [number << 64 | number for number in count],
        "one half against the other": [number << 64 | (2**64 - 1 - number) for number in count],
        "patterns": [number * 0x00010001000100010001000100010001 for number in count],
        "version 1": [(number * 997 << 96) | 0x11EE_8000_0242_AC12_0002 for number in count],
        "one bit or two": [1 << a | 1 << b for a in range(128) for b in range(a + 1)],
    }


@pytest.mark.parametrize("kind", structured_ids())
def test_structured_ids_keep_different_fingerprints(kind: str) -> None:
    """S4: event ids need not be random to stay apart."""
    ids = structured_ids()[kind]
    found = prints(b"".join(number.to_bytes(16, "big") for number in ids))
    assert len(set(found.tolist())) == len(set(ids)) == len(ids)
    assert found.tobytes() == b"".join(fingerprint(UUID(int=number)) for number in ids)


def test_the_fingerprint_is_fixed() -> None:
    """S4: a fingerprint in a ledger must be the same after every upgrade."""
    event_id = UUID("01234567-89ab-cdef-0123-456789abcdef")
    high, low = event_id.int >> 64, event_id.int & (1 << 64) - 1
    product = 0x6A09E667F3BCC909 * high + 0x3B67AE8584CAA73B * low
    expected = ((product >> 64) ^ product) & (1 << 64) - 1
    assert fingerprint(event_id) == expected.to_bytes(8, "big")
    assert prints(event_id.bytes * 3).tobytes() == fingerprint(event_id) * 3


def test_the_id_without_a_bit_is_an_id() -> None:
    """S4: the one id whose fingerprint would be 0, which stands for no id, is a duplicate like any other."""
    assert fingerprint(UUID(int=0)) == prints(bytes(16)).tobytes() != bytes(8)
