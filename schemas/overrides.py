"""An override lets installs go on although something is held against a component; it is audited.

The topic keeps every record: the newest of a key says whether an override is in force, all of them are the
audit. A verdict is never changed or deleted by one: it stands, and says who lets it pass until when.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Self
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.limits import COMPONENT_ID_MAX
from schemas.times import UtcTime
from schemas.verdicts import Verdict

__all__ = ["REASON_MAX", "HeldVerdict", "Override", "OverrideAction", "Subject", "subject_key", "subject_of"]

REASON_MAX: Final = 2_048

Subject = tuple[str] | tuple[str, str]
"""What an override is about: a component, or the two of a pair in code point order."""

_Id = Annotated[str, Field(min_length=1, max_length=COMPONENT_ID_MAX)]


class OverrideAction(StrEnum):
    """What a record does."""

    BEGIN = "begin"
    END = "end"


class Override(BaseModel):
    """One override, or its end.

    Without `other` it lets pass what is held against the component by itself; with it, the conflict of the
    two, whichever of them is installed.
    """

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    override_id: UUID = Field(description="UUIDv7")
    action: OverrideAction
    component_id: _Id
    other: _Id | None = Field(
        default=None, description="A conflict's other component, the later by code point"
    )
    at: UtcTime = Field(description="When it was made")
    by: str = Field(min_length=1, description="Who made it: as given, or the user's name on that machine")
    reason: str = Field(max_length=REASON_MAX, description="Why, in the user's words")
    until: UtcTime | None = Field(default=None, description="When it ends by itself; null for an end")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.other is not None and self.component_id >= self.other:
            raise ValueError("component_id must stand before other by code point")
        if self.action is OverrideAction.END:
            return self
        if self.until is None or self.until <= self.at:
            raise ValueError("an override needs a time until which it holds, after its beginning")
        if not self.reason.strip():
            raise ValueError("an override needs a reason")
        return self

    @property
    def subject(self) -> Subject:
        """What it is about."""
        return subject_of(self.component_id, self.other)

    def holds(self, now: datetime) -> bool:
        """Return whether it is in force at a moment, if no later record ended it."""
        return self.action is OverrideAction.BEGIN and self.until is not None and now < self.until


class HeldVerdict(Verdict):
    """A verdict as readers show it: with the override that lets it pass, if there is one."""

    override: Override | None = Field(
        default=None, description="Who lets it pass, why and until when; null while nobody does"
    )

    def is_overridden(self, now: datetime) -> bool:
        """Return whether it is let pass at a moment."""
        return self.override is not None and self.override.holds(now)


def subject_of(component_id: str, other: str | None = None) -> Subject:
    """Return what an override of a component, or of a pair, is about.

    Raises:
        ValueError: both are the same.
    """
    if other is None:
        return (component_id,)
    if component_id == other:
        raise ValueError(f"a conflict needs two components, not {component_id!r} twice")
    return (component_id, other) if component_id < other else (other, component_id)


def subject_key(subject: Subject) -> bytes:
    """Return a subject's key on `overrides`: `["a"]`, or `["a","b"]` with a < b."""
    return orjson.dumps(subject)
