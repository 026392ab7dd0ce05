"""An outcome is one thing that happened to one component, and it never changes afterwards.

`ComponentOutcome` is the plain event, as a process keeps it for itself: ids and contexts of any length.
`PublishedOutcome` is the same event with the limits of the `outcome-events` topic.
"""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from schemas.limits import COMPONENT_ID_MAX, CONTEXT_MAX, HOST_ID_MAX, cut_context
from schemas.times import UtcTime, parse_time

__all__ = ["ComponentOutcome", "OutcomeType", "PublishedOutcome", "parse_event_id"]

_OPTIONAL = ("timestamp", "context", "event_id", "host_id")

_EVENT_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class OutcomeType(StrEnum):
    """What can happen to a component."""

    INSTALL_SUCCESS = "install_success"
    INSTALL_FAILURE = "install_failure"
    USED_IN_SESSION = "used_in_session"
    REMOVED_BY_USER = "removed_by_user"
    DEPRECATED = "deprecated"


def _now() -> datetime:
    return datetime.now(UTC)


def parse_event_id(text: str) -> UUID:
    """Return the UUID that a text names: the form of RFC 9562, in either case, and no other.

    Raises:
        ValueError: not a UUID, or one in braces, as a URN or without its dashes.
    """
    if _EVENT_ID.fullmatch(text) is None:
        raise ValueError("not a UUID of the form 01234567-89ab-cdef-0123-456789abcdef")
    return UUID(text)


def _sent_time(value: Any) -> Any:
    """Take what a program has (a datetime) or what a topic may hold (RFC 3339), and no number."""
    if isinstance(value, str):
        return parse_time(value)
    if isinstance(value, datetime):
        return value
    raise ValueError("not an RFC 3339 date-time")


def _sent_id(value: Any) -> Any:
    return parse_event_id(value) if isinstance(value, str) else value


class ComponentOutcome(BaseModel):
    """One event; a null in an optional field is the same as its absence, and unknown fields are ignored."""

    model_config = ConfigDict(frozen=True)

    component_id: str = Field(description="What the event is about, for example a package URL")
    outcome_type: OutcomeType = Field(description="What happened")
    timestamp: UtcTime = Field(default_factory=_now, description="When it happened; by default now")
    context: str = Field(default="", description="Free text for people, such as an error message")
    event_id: UUID | None = Field(
        default=None, description="The same for every copy of an event; without one it is never a duplicate"
    )
    host_id: str | None = Field(
        default=None, description="The machine; without one the record's key, without either the one host ''"
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if value is not None or name not in _OPTIONAL}


class PublishedOutcome(ComponentOutcome):
    """An event as the `outcome-events` topic takes it; a context that is too long is cut and marked."""

    component_id: str = Field(
        min_length=1,
        max_length=COMPONENT_ID_MAX,
        description="What the event is about, for example a package URL",
    )
    timestamp: Annotated[
        UtcTime,
        BeforeValidator(_sent_time),
        WithJsonSchema({"anyOf": [{"format": "date-time", "type": "string"}, {"type": "null"}]}),
    ] = Field(
        default_factory=_now,
        description="When it happened: RFC 3339, without a zone in UTC; by default the record's own time",
    )
    context: Annotated[
        str,
        AfterValidator(cut_context),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}], "default": ""}),
    ] = Field(
        default="",
        description=f"Free text for people; what exceeds {CONTEXT_MAX} characters is cut and marked",
    )
    event_id: Annotated[UUID | None, BeforeValidator(_sent_id)] = Field(
        default=None, description="The same for every copy of an event; without one it is never a duplicate"
    )
    host_id: str | None = Field(
        default=None,
        max_length=HOST_ID_MAX,
        description="The machine; without one the record's key, without either the one host ''",
    )
