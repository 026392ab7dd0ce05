"""Events as they stand on the topic, and the ids that they get."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import orjson
import pytest

from processor.publish.encoding import encode
from processor.publish.uuid7 import uuid7, uuid7_from
from schemas import COMPONENT_ID_MAX, CONTEXT_MAX, HOST_ID_MAX, ComponentOutcome, OutcomeType
from schemas.wire import validate_event

AT = datetime(2026, 1, 2, 4, 4, 5, 6, tzinfo=timezone(timedelta(hours=1)))
FAILURE = OutcomeType.INSTALL_FAILURE


def test_value_is_what_the_topic_accepts() -> None:
    """X9: what is published reads back the same, odd characters included, with its time in UTC."""
    event_id = uuid7()
    event = ComponentOutcome(
        component_id='a"|\n\u202e🙂', outcome_type=FAILURE, timestamp=AT, event_id=event_id, host_id="höst"
    )
    host, value = encode(event)
    assert host == "höst".encode()
    assert orjson.loads(value)["timestamp"] == "2026-01-02T03:04:05.000006Z"
    read = validate_event(orjson.loads(value))
    assert (read.component_id, read.event_id, read.host_id) == (event.component_id, event_id, "höst")
    assert read.timestamp == AT


def test_event_without_an_id_gets_one() -> None:
    """S4: each event gets an id of its own, so that a resend is known again."""
    event = ComponentOutcome(component_id="a", outcome_type=FAILURE)
    first, second = (orjson.loads(encode(event).value)["event_id"] for _ in range(2))
    assert UUID(first).version == 7
    assert first != second


@pytest.mark.parametrize(
    "event",
    [
        ComponentOutcome(component_id="", outcome_type=FAILURE),
        ComponentOutcome(component_id="x" * (COMPONENT_ID_MAX + 1), outcome_type=FAILURE),
        ComponentOutcome(component_id="a", outcome_type=FAILURE, host_id="x" * (HOST_ID_MAX + 1)),
    ],
)
def test_event_that_would_be_a_dead_letter(event: ComponentOutcome) -> None:
    """X2: a publisher refuses what the fold would refuse."""
    with pytest.raises(ValueError, match="characters"):
        encode(event)


def test_long_context_is_cut() -> None:
    """X6: a context that is too long is cut by the publisher, never refused."""
    event = ComponentOutcome(component_id="a", outcome_type=FAILURE, context="x" * 5_000)
    assert len(orjson.loads(encode(event).value)["context"]) == CONTEXT_MAX


def test_uuid7_layout() -> None:
    """A UUIDv7 holds its milliseconds, version and variant where RFC 9562 has them, and sorts by time."""
    first = uuid7_from(0x0123456789AB, (1 << 74) - 1)
    assert str(first) == "01234567-89ab-7fff-bfff-ffffffffffff"
    assert str(uuid7_from(0x0123456789AC, 0)) == "01234567-89ac-7000-8000-000000000000"
    assert first < uuid7_from(0x0123456789AC, 0)
    now_ms = datetime.now(UTC).timestamp() * 1_000
    assert abs((uuid7().int >> 80) - now_ms) < 60_000
