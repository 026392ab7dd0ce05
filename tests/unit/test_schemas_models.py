import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import CoFailure, ComponentOutcome, OutcomeStats, OutcomeType, PublishedOutcome
from schemas.cofailure import pair_key, pair_value, parse_pair_key
from schemas.limits import CONTEXT_MAX
from schemas.wire import WireError, validate_event

EVENT_ID = "019b7c7a-8b2c-7d3e-9f40-5a6b7c8d9e0f"
FAILURE = OutcomeType.INSTALL_FAILURE


def test_outcome_types_are_texts() -> None:
    """T1: the five types, as a string enum."""
    assert [str(outcome_type) for outcome_type in OutcomeType] == [
        "install_success",
        "install_failure",
        "used_in_session",
        "removed_by_user",
        "deprecated",
    ]
    assert OutcomeType("deprecated") == "deprecated"


def test_outcome_defaults() -> None:
    """T2: the timestamp is now in UTC, the context empty, and what only a fleet needs is absent."""
    before = datetime.now(UTC)
    outcome = ComponentOutcome(component_id="a", outcome_type=FAILURE)
    assert before <= outcome.timestamp <= datetime.now(UTC)
    assert outcome.timestamp.utcoffset() == timedelta(0)
    assert (outcome.context, outcome.event_id, outcome.host_id) == ("", None, None)


def test_outcome_json() -> None:
    """T2: as JSON an outcome has RFC 3339 times in UTC, and reads back as it was."""
    at = datetime(2026, 1, 2, 4, 4, 5, 6, tzinfo=timezone(timedelta(hours=1)))
    outcome = ComponentOutcome(component_id="a", outcome_type=FAILURE, timestamp=at, event_id=UUID(EVENT_ID))
    fields = json.loads(outcome.model_dump_json())
    assert fields["timestamp"] == "2026-01-02T03:04:05.000006Z"
    assert fields["event_id"] == EVENT_ID
    assert ComponentOutcome.model_validate_json(outcome.model_dump_json()) == outcome


def test_outcome_without_zone_is_utc() -> None:
    """X4: in process too, a time without a zone is read as UTC."""
    at = datetime(2026, 1, 2)  # noqa: DTZ001  # the point of the test
    assert ComponentOutcome(component_id="a", outcome_type=FAILURE, timestamp=at).timestamp == at.replace(
        tzinfo=UTC
    )


def test_time_outside_the_calendar_is_a_validation_error() -> None:
    """X2: a time that UTC cannot name is refused as any bad field is, not by an overflow."""
    at = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    with pytest.raises(ValidationError, match="1\\.\\.9999"):
        ComponentOutcome(component_id="a", outcome_type=FAILURE, timestamp=at)


def test_process_has_no_limits() -> None:
    """T16: the limits of the topics do not hold in process."""
    outcome = ComponentOutcome(
        component_id="c" * 1_000, outcome_type=FAILURE, context="x" * 10_000, host_id="h" * 999
    )
    assert len(outcome.component_id) == 1_000
    assert len(outcome.context) == 10_000
    assert ComponentOutcome(component_id="", outcome_type=FAILURE).component_id == ""


def test_published_outcome_has_limits() -> None:
    """X2, X6: what is published keeps the topic's limits: ids are refused, a context is cut."""
    for fields in (
        {"component_id": ""},
        {"component_id": "c" * 257},
        {"component_id": "a", "host_id": "h" * 257},
    ):
        with pytest.raises(ValidationError):
            PublishedOutcome.model_validate({"outcome_type": FAILURE, **fields})
    assert (
        len(PublishedOutcome(component_id="a", outcome_type=FAILURE, context="x" * 9_999).context)
        == CONTEXT_MAX
    )


texts = st.sampled_from(["", "a", "c" * 256, "c" * 257, "x" * 2_049])
odd: st.SearchStrategy[Any] = st.sampled_from([None, 1, 1.5, True, [], {}])
times = st.sampled_from(
    ["2026-01-02T03:04:05Z", "2026-01-02t03:04:05.1234567+01:00", "2026-01-02", "5", "2026-01-02T03:04:05"]
)
ids = st.sampled_from([EVENT_ID, EVENT_ID.replace("-", ""), "urn:uuid:" + EVENT_ID, "{" + EVENT_ID + "}"])
json_events = st.fixed_dictionaries(
    {},
    optional={
        "component_id": texts | odd,
        "outcome_type": st.sampled_from([*OutcomeType, "exploded"]) | odd,
        "timestamp": times | odd,
        "context": texts | odd,
        "event_id": ids | odd,
        "host_id": texts | odd,
        "extra": odd,
    },
)


@given(json_events)
def test_model_and_wire_accept_the_same(event: dict[str, Any]) -> None:
    """X2: the publishers' model and the stream's validator agree on every event and its fields."""
    try:
        expected = validate_event(event)
    except WireError:
        with pytest.raises(ValidationError):
            PublishedOutcome.model_validate(event)
        return
    got = PublishedOutcome.model_validate(event)
    for name in ("component_id", "outcome_type", "context", "event_id", "host_id"):
        assert getattr(got, name) == getattr(expected, name)
    if expected.timestamp is not None:
        assert got.timestamp == expected.timestamp


def test_stats_start_at_zero() -> None:
    """T3: a new component has counted nothing and seen nothing."""
    stats = OutcomeStats(component_id="a")
    assert (stats.install_successes, stats.install_failures, stats.usage_count, stats.removal_count) == (
        0,
        0,
        0,
        0,
    )
    assert (stats.first_seen, stats.last_success, stats.last_failure, stats.deprecated_at) == (None,) * 4


@pytest.mark.parametrize(
    ("successes", "failures", "rate"), [(0, 0, 0.0), (3, 1, 0.75), (0, 2, 0.0), (5, 0, 1.0)]
)
def test_success_rate(successes: int, failures: int, rate: float) -> None:
    """T4: successes of attempts; 0.0 with no attempt."""
    stats = OutcomeStats(component_id="a", install_successes=successes, install_failures=failures)
    assert stats.success_rate == rate


@pytest.mark.parametrize(
    ("successes", "failures", "expected"),
    [(0, 2, False), (0, 3, True), (2, 3, True), (3, 3, False), (3, 4, True), (4, 4, False), (0, 0, False)],
)
def test_is_problematic(successes: int, failures: int, expected: bool) -> None:
    """T5: three failures at least and a rate under a half; three of six are not, four of seven are."""
    stats = OutcomeStats(component_id="a", install_successes=successes, install_failures=failures)
    assert stats.is_problematic is expected


def test_stats_json_needs_no_formula() -> None:
    """S19: the JSON holds what follows from the counts; when read it is computed anew."""
    stats = OutcomeStats(component_id="a", install_successes=3, install_failures=4)
    fields = json.loads(stats.model_dump_json())
    assert fields["success_rate"] == 3 / 7
    assert fields["is_problematic"] is True
    assert OutcomeStats.model_validate({**fields, "success_rate": 1.0, "is_problematic": False}) == stats


def test_co_failure_is_in_order() -> None:
    """S2: a pair stands once, its ids in code point order, with a count of at least 1."""
    assert CoFailure(component_a="Z", component_b="a", count=1).count == 1
    for a, b, count in (("b", "a", 1), ("a", "a", 1), ("a", "b", 0)):
        with pytest.raises(ValidationError):
            CoFailure(component_a=a, component_b=b, count=count)


@given(st.text(), st.text())
def test_pair_keys_are_unambiguous(a: str, b: str) -> None:
    """X9: any two ids, quotes and separators in them, have one key, which gives both back."""
    if a == b:
        with pytest.raises(ValueError, match="twice"):
            pair_key(a, b)
        return
    assert pair_key(a, b) == pair_key(b, a)
    assert parse_pair_key(pair_key(a, b)) == (min(a, b), max(a, b))


@pytest.mark.parametrize(
    "key", [b"", b"a|b", b'["a"]', b'["b","a"]', b'["a","b","c"]', b'["a",1]', b'{"a":"b"}']
)
def test_what_is_no_pair_key(key: bytes) -> None:
    """S13: a key that we did not write is an error, not half a pair."""
    with pytest.raises(ValueError, match="no pair's key"):
        parse_pair_key(key)


@given(st.text(), st.text(), st.integers(1, 2**40))
def test_a_pairs_value_is_the_models_json(a: str, b: str, count: int) -> None:
    """X9: what the fold writes piece by piece reads back as the contract's model, whatever the ids hold."""
    if a < b:
        assert CoFailure.model_validate_json(pair_value(a, b, count)) == CoFailure(
            component_a=a, component_b=b, count=count
        )
