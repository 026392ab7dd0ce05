"""What `outcome-events` accepts, one boundary each."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from schemas import CONTEXT_MAX, OutcomeType
from schemas.limits import CONTEXT_CUT_MARK
from schemas.wire import WireError, WireReason, validate_event

EVENT_ID = "019b7c7a-8b2c-7d3e-9f40-5a6b7c8d9e0f"


def event(**fields: Any) -> dict[str, Any]:
    return {"component_id": "a", "outcome_type": "install_failure", **fields}


def refusal(value: object) -> tuple[str, str]:
    with pytest.raises(WireError) as caught:
        validate_event(value)
    return caught.value.reason, caught.value.field


def time_of(text: str) -> datetime:
    time = validate_event(event(timestamp=text)).timestamp
    assert time is not None
    return time.astimezone(UTC)


def test_full_event_is_read_as_it_was_sent() -> None:
    """X2: a valid event keeps each field's value."""
    outcome = validate_event(
        event(
            timestamp="2026-01-02T03:04:05.000006Z", context="disk full", event_id=EVENT_ID, host_id="web-17"
        )
    )
    assert outcome.component_id == "a"
    assert outcome.outcome_type is OutcomeType.INSTALL_FAILURE
    assert outcome.timestamp == datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert outcome.context == "disk full"
    assert outcome.event_id == UUID(EVENT_ID)
    assert outcome.host_id == "web-17"


@pytest.mark.parametrize("absent", [{}, dict.fromkeys(("timestamp", "context", "event_id", "host_id"))])
def test_null_is_absence(absent: dict[str, None]) -> None:
    """X2: a null in an optional field is the same as its absence."""
    outcome = validate_event(event(**absent))
    assert (outcome.timestamp, outcome.context, outcome.event_id, outcome.host_id) == (None, "", None, None)


def test_empty_host_is_a_host() -> None:
    """S3: a host_id that is there and empty is the one host "", not an absent one."""
    assert validate_event(event(host_id="")).host_id == ""


def test_unknown_fields_are_ignored() -> None:
    """X3: newer publishers may add fields."""
    assert validate_event(event(severity={"level": 3}, v=2)) == validate_event(event())


@pytest.mark.parametrize("value", [[], [event()], "text", 3, 1.5, True, None])
def test_only_an_object_is_an_event(value: object) -> None:
    """X1: an array or a scalar is refused as a whole."""
    assert refusal(value) == (WireReason.NOT_AN_OBJECT, "")


@pytest.mark.parametrize("outcome_type", [outcome_type.value for outcome_type in OutcomeType])
def test_each_outcome_type_is_known(outcome_type: str) -> None:
    """T1: the five outcome types are accepted by their names."""
    assert validate_event(event(outcome_type=outcome_type)).outcome_type == outcome_type


@pytest.mark.parametrize("unknown", ["exploded", "", "INSTALL_FAILURE", "install_failure "])
def test_unknown_outcome_type(unknown: str) -> None:
    """X2: an unknown outcome type is refused by name."""
    assert refusal(event(outcome_type=unknown)) == (WireReason.UNKNOWN_OUTCOME_TYPE, "outcome_type")


@pytest.mark.parametrize("name", ["component_id", "outcome_type"])
def test_required_fields(name: str) -> None:
    """X2: a required field that is missing or null is refused by name."""
    fields = event()
    del fields[name]
    assert refusal(fields) == (WireReason.MISSING, name)
    assert refusal(event(**{name: None})) == (WireReason.MISSING, name)


@pytest.mark.parametrize(
    "name", ["component_id", "outcome_type", "timestamp", "context", "event_id", "host_id"]
)
@pytest.mark.parametrize("value", [1, 1.5, True, [], {}, ["a"]])
def test_wrong_types(name: str, value: object) -> None:
    """X2: each field is a text or it is refused by name, a timestamp that is a number among them."""
    assert refusal(event(**{name: value})) == (WireReason.WRONG_TYPE, name)


def test_component_id_at_its_bounds() -> None:
    """X2: 1 and 256 characters are accepted, 0 and 257 refused; characters are counted, not bytes."""
    assert validate_event(event(component_id="x")).component_id == "x"
    assert validate_event(event(component_id="😀" * 256)).component_id == "😀" * 256
    assert refusal(event(component_id="")) == (WireReason.EMPTY, "component_id")
    assert refusal(event(component_id="x" * 257)) == (WireReason.TOO_LONG, "component_id")


@pytest.mark.parametrize("component_id", ["a|b", '"', "a\nb", "\x00", "\u202egpj.exe", " ", "😀"])
def test_odd_characters_in_ids_are_kept(component_id: str) -> None:
    """X9: control characters, quotes, newlines, emoji and bidirectional marks stay exactly as they are."""
    assert validate_event(event(component_id=component_id, host_id=component_id)).component_id == component_id


def test_host_id_at_its_bound() -> None:
    """X2: a host id of 256 characters is accepted, one of 257 refused."""
    assert validate_event(event(host_id="h" * 256)).host_id == "h" * 256
    assert refusal(event(host_id="h" * 257)) == (WireReason.TOO_LONG, "host_id")


def test_long_context_is_cut_and_marked() -> None:
    """X6: a context of 2,048 characters stays; a longer one is cut to that length, its mark included."""
    assert validate_event(event(context="x" * CONTEXT_MAX)).context == "x" * CONTEXT_MAX
    cut = validate_event(event(context="x" * (CONTEXT_MAX + 1))).context
    assert cut == "x" * (CONTEXT_MAX - len(CONTEXT_CUT_MARK)) + CONTEXT_CUT_MARK
    assert len(cut) == CONTEXT_MAX


@pytest.mark.parametrize("event_id", [EVENT_ID, EVENT_ID.upper(), "00000000-0000-0000-0000-000000000000"])
def test_event_ids(event_id: str) -> None:
    """X2: a UUID with dashes is accepted in either case, whatever its version."""
    assert validate_event(event(event_id=event_id)).event_id == UUID(event_id)


@pytest.mark.parametrize(
    "event_id",
    [
        "",
        "7",
        EVENT_ID.replace("-", ""),
        "{" + EVENT_ID + "}",
        "urn:uuid:" + EVENT_ID,
        EVENT_ID + "\n",
        EVENT_ID[:-1] + "g",
        EVENT_ID[:-1] + "٣",
        EVENT_ID.replace("-", "_"),
        EVENT_ID[:-2] + "+1",
    ],
)
def test_what_is_no_event_id(event_id: str) -> None:
    """X2: Python's own UUID parser takes braces, URNs and stray signs; the topic does not."""
    assert refusal(event(event_id=event_id)) == (WireReason.BAD_EVENT_ID, "event_id")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02t03:04:05z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05+00:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05-00:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05+05:30", datetime(2026, 1, 1, 21, 34, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.5Z", datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC)),
        ("2026-01-02T03:04:05.000006Z", datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)),
        ("2026-01-02T03:04:05.9999999999Z", datetime(2026, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC)),
        ("2024-02-29T23:59:59Z", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times(text: str, expected: datetime) -> None:
    """X2: each form of an RFC 3339 date-time names its moment; what is finer than a microsecond is cut."""
    assert time_of(text) == expected


@pytest.mark.parametrize("text", ["2026-01-02T03:04:05", "2026-01-02T03:04:05.25"])
def test_time_without_zone_is_utc(text: str) -> None:
    """X4: a time without a zone is read as UTC."""
    assert time_of(text) == time_of(text + "Z")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("1990-12-31T15:59:60.5-08:00", datetime(1991, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_leap_second(text: str, expected: datetime) -> None:
    """X2: a leap second is read as the second after it."""
    assert time_of(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1767322985",
        "1767322985.5",
        "2026-01-02",
        "20260102T030405Z",
        "2026-W01-5T03:04:05Z",
        "2026-002T03:04:05Z",
        "2026-01-02 03:04:05Z",
        "2026-01-02_03:04:05Z",
        "2026-01-02T03:04Z",
        "2026-01-02T03Z",
        "2026-01-02T03:04:05,5Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05+0100",
        "2026-01-02T03:04:05+01",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+01:60",
        "2026-01-02T03:04:05 Z",
        "2026-01-02T03:04:05Z\n",
        " 2026-01-02T03:04:05Z",
        "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:05Z",
        "2026-01-02T03:04:61Z",
        "2026-01-02T03:04:60Z",
        "9999-12-31T23:59:60Z",
        "2026-02-29T03:04:05Z",
        "2026-13-01T03:04:05Z",
        "2026-00-01T03:04:05Z",
        "0000-01-01T00:00:00Z",
        "+002026-01-02T03:04:05Z",
        "٢٠٢٦-01-02T03:04:05Z",
        "2026-01-02T03:04:05.٣Z",
    ],
)
def test_what_is_no_time(text: str) -> None:
    """X2: a date alone, a number as text, other ISO forms and impossible moments are refused by name."""
    assert refusal(event(timestamp=text)) == (WireReason.BAD_TIMESTAMP, "timestamp")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_times_at_the_ends_of_the_calendar(text: str) -> None:
    """X5: a time that has no name in UTC is still one; the record's time replaces it later."""
    time = validate_event(event(timestamp=text)).timestamp
    assert time is not None
    assert time.tzinfo in (timezone(timedelta(minutes=1439)), timezone(-timedelta(minutes=1439)))


def test_error_says_field_and_reason() -> None:
    """X2: the error's text names both, for logs."""
    assert str(WireError(WireReason.EMPTY, "component_id")) == "component_id: empty"
    assert str(WireError("not_json")) == "not_json"
