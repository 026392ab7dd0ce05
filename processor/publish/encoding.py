"""An event on the topic: its host's id as the key, one JSON object as the value, a time of 27 characters."""

from typing import NamedTuple

import orjson

from processor.publish.uuid7 import uuid7
from schemas import COMPONENT_ID_MAX, HOST_ID_MAX, ComponentOutcome
from schemas.limits import cut_context
from schemas.times import format_us, to_us

__all__ = ["EncodedEvent", "encode"]


class EncodedEvent(NamedTuple):
    """An event as it stands on the topic: the key (the host id in UTF-8) and the value (JSON)."""

    host: bytes
    value: bytes


def encode(event: ComponentOutcome) -> EncodedEvent:
    """Return an event as it stands on the topic; one without an event id gets a new UUIDv7.

    Raises:
        ValueError: an id that the topic does not take; a context that is too long is cut instead.
    """
    host_id = event.host_id or ""
    if not 1 <= len(event.component_id) <= COMPONENT_ID_MAX:
        raise ValueError(
            f"a component id has 1 to {COMPONENT_ID_MAX} characters, not {len(event.component_id)}"
        )
    if len(host_id) > HOST_ID_MAX:
        raise ValueError(f"a host id has at most {HOST_ID_MAX} characters, not {len(host_id)}")
    value = {
        "component_id": event.component_id,
        "outcome_type": event.outcome_type,
        "timestamp": format_us(to_us(event.timestamp)),
        "context": cut_context(event.context),
        "event_id": str(event.event_id or uuid7()),
        "host_id": host_id,
    }
    return EncodedEvent(host_id.encode(), orjson.dumps(value))
