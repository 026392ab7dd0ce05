"""Bad data is an answer, not a crash: a decoded event becomes a valid one, or an error that names the field.

This is the one place that says what `outcome-events` accepts. It works on what a JSON parser returns, and
is strict about types: `"3"` is no number and `3` is no text. A null in an optional field is the same as its
absence, and fields that it does not know are ignored, so that newer publishers may add some.

A faster path may stand beside it, if it accepts no more than this one and reads it the same way.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, cast
from uuid import UUID

from schemas.limits import COMPONENT_ID_MAX, HOST_ID_MAX, cut_context
from schemas.outcome import OutcomeType, parse_event_id
from schemas.times import parse_time

__all__ = ["WireError", "WireOutcome", "WireReason", "validate_event"]

_TYPES: Final = {outcome_type.value: outcome_type for outcome_type in OutcomeType}


class WireReason(StrEnum):
    """Why an event is refused; the code goes into the header of its dead letter."""

    NOT_AN_OBJECT = "not_an_object"
    MISSING = "missing"
    WRONG_TYPE = "wrong_type"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    UNKNOWN_OUTCOME_TYPE = "unknown_outcome_type"
    BAD_TIMESTAMP = "bad_timestamp"
    BAD_EVENT_ID = "bad_event_id"


class WireError(ValueError):
    """A record that the topic does not accept.

    Attributes:
        reason: a code in lower case, one of `WireReason` or one of the caller's own.
        field: the field at fault, or "" if it is the whole.
    """

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.reason: Final = str(reason)
        self.field: Final = field


@dataclass(frozen=True, slots=True)
class WireOutcome:
    """A valid event as it was sent; what it leaves to its record (time, host) is None."""

    component_id: str
    outcome_type: OutcomeType
    timestamp: datetime | None  # aware, in the zone in which it was sent
    context: str
    event_id: UUID | None
    host_id: str | None


def validate_event(event: object) -> WireOutcome:
    """Return the event that a record's decoded JSON value holds.

    Args:
        event: what a JSON parser made of the value.

    Raises:
        WireError: not an object, or the first field in the order of `WireOutcome` that is not valid.
    """
    if not isinstance(event, dict):
        raise WireError(WireReason.NOT_AN_OBJECT)
    fields = cast("dict[str, object]", event)
    return WireOutcome(
        component_id=_component_id(fields),
        outcome_type=_outcome_type(fields),
        timestamp=_timestamp(fields),
        context=cut_context(_optional_text(fields, "context") or ""),
        event_id=_event_id(fields),
        host_id=_host_id(fields),
    )


def _required_text(fields: dict[str, object], name: str) -> str:
    value = _optional_text(fields, name)
    if value is None:
        raise WireError(WireReason.MISSING, name)
    return value


def _optional_text(fields: dict[str, object], name: str) -> str | None:
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    raise WireError(WireReason.WRONG_TYPE, name)


def _component_id(fields: dict[str, object]) -> str:
    value = _required_text(fields, "component_id")
    if not value:
        raise WireError(WireReason.EMPTY, "component_id")
    if len(value) > COMPONENT_ID_MAX:
        raise WireError(WireReason.TOO_LONG, "component_id")
    return value


def _outcome_type(fields: dict[str, object]) -> OutcomeType:
    outcome_type = _TYPES.get(_required_text(fields, "outcome_type"))
    if outcome_type is None:
        raise WireError(WireReason.UNKNOWN_OUTCOME_TYPE, "outcome_type")
    return outcome_type


def _timestamp(fields: dict[str, object]) -> datetime | None:
    text = _optional_text(fields, "timestamp")
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise WireError(WireReason.BAD_TIMESTAMP, "timestamp") from error


def _event_id(fields: dict[str, object]) -> UUID | None:
    text = _optional_text(fields, "event_id")
    if text is None:
        return None
    try:
        return parse_event_id(text)
    except ValueError as error:
        raise WireError(WireReason.BAD_EVENT_ID, "event_id") from error


def _host_id(fields: dict[str, object]) -> str | None:
    value = _optional_text(fields, "host_id")
    if value is not None and len(value) > HOST_ID_MAX:
        raise WireError(WireReason.TOO_LONG, "host_id")
    return value
