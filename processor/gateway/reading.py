"""A body is one event, an array, or lines; each event is valid by itself, or rejected with a reason. Pure.

A request holds at most 32 events of one host: whoever did not hear our answer sends all of it again, and
only a host's last 64 event ids are remembered.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID, uuid5

import orjson

from processor.gateway.bodies import LINES
from processor.gateway.problems import ProblemError
from processor.publish.encoding import EncodedEvent
from processor.publish.redaction import redact
from processor.publish.uuid7 import uuid7
from processor.publish.waves import HOST_UNACKNOWLEDGED_MAX
from schemas.times import format_us, to_us
from schemas.wire import WireError, WireOutcome, validate_event

__all__ = ["Reading", "Result", "read"]

_EVENT_IDS: Final = UUID("5c7e0e0b-90c4-5d1c-8a0e-3a54c2b1f8d9")

Result = dict[str, Any]
"""What becomes of one event: `status` and either its id, or the field and reason of its rejection."""

_NOT_JSON: Final = object()


@dataclass(frozen=True, slots=True)
class Reading:
    """A request's events that are to be sent, and what becomes of each of all if they are.

    `results` are in the order of the request, `events` those that are accepted, in the same order.
    """

    events: list[EncodedEvent]
    results: list[Result]

    def count(self, status: str) -> int:
        """Return how many have a status."""
        return sum(result["status"] == status for result in self.results)


def read(body: bytes, media_type: str, batch_max: int, key: str = "") -> Reading:
    """Return what a body holds.

    Args:
        body: decompressed.
        media_type: as `media_type` returns it.
        batch_max: how many events it may hold.
        key: names the request, so that its events have the same ids each time; "" for new ones.

    Raises:
        ProblemError: 400 it is no JSON, 413 too many events, 422 none or too many of one host.
    """
    reading = Reading([], [])
    seen: dict[tuple[bytes, str], None] = {}
    of_host: dict[bytes, int] = {}
    for index, found in enumerate(_events(body, media_type)):
        if index == batch_max:
            raise ProblemError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {batch_max:,} events"
            )
        try:
            event = validate_event(found) if found is not _NOT_JSON else _refuse_line()
        except WireError as error:
            result = {"status": "rejected", "field": error.field or None, "reason": error.reason}
            reading.results.append(result)
            continue
        host = (event.host_id or "").encode()
        event_id = str(event.event_id or _made_id(key, index))
        if (host, event_id) in seen:
            reading.results.append({"status": "duplicate", "event_id": event_id})
            continue
        seen[host, event_id] = None
        of_host[host] = of_host.get(host, 0) + 1
        reading.events.append(EncodedEvent(host, _encoded(event, event_id)))
        reading.results.append({"status": "accepted", "event_id": event_id})
    _check(reading, of_host)
    return reading


def _events(body: bytes, media_type: str) -> Iterator[object]:
    if media_type in LINES:
        for line in body.split(b"\n"):
            if line.strip():
                yield _decoded(line)
        return
    found = _decoded(body)
    if found is _NOT_JSON:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body is no JSON; one event a line is x-ndjson")
    if isinstance(found, list):
        yield from found
    else:
        yield found


def _decoded(text: bytes) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _NOT_JSON


def _refuse_line() -> WireOutcome:
    raise WireError("not_json")


def _made_id(key: str, index: int) -> UUID:
    return uuid5(_EVENT_IDS, f"{key}\0{index}") if key else uuid7()


def _encoded(event: WireOutcome, event_id: str) -> bytes:
    """Return an event as it stands on the topic; what it leaves to its record stays out."""
    fields: dict[str, Any] = {
        "component_id": event.component_id,
        "outcome_type": event.outcome_type,
        "context": redact(event.context),
        "event_id": event_id,
    }
    if event.timestamp is not None:
        fields["timestamp"] = format_us(to_us(event.timestamp))
    if event.host_id is not None:
        fields["host_id"] = event.host_id
    return bytes(memoryview(orjson.dumps(fields)))


def _check(reading: Reading, of_host: dict[bytes, int]) -> None:
    if not reading.results:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "the request holds no event")
    most = max(of_host, key=of_host.__getitem__, default=b"")
    if of_host.get(most, 0) > HOST_UNACKNOWLEDGED_MAX:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"a request has at most {HOST_UNACKNOWLEDGED_MAX} events of one host, so that each counts once "
            f"when it is sent again; this has {of_host[most]:,} of one. Send the rest once this is answered",
            reason="too_many_of_one_host",
        )
