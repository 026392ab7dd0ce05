"""A correction says which events count no more, or since when a component is not deprecated; it is audited.

Events are never changed or erased on `outcome-events`. A correction names them by what they say (component,
host, type, time, ids), and only among those that stood on the log when it was made: `before` holds the end of
each partition then. Whatever came later counts, even if it says the same.
"""

from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.limits import COMPONENT_ID_MAX, HOST_ID_MAX
from schemas.outcome import OutcomeType
from schemas.times import UtcTime

__all__ = ["EVENT_IDS_MAX", "REASON_MAX", "Correction", "CorrectionKind"]

REASON_MAX = 2_048
EVENT_IDS_MAX = 10_000

Offset = Annotated[int, Field(ge=0)]


class CorrectionKind(StrEnum):
    """What is asked for."""

    FORGET_HOST = "forget_host"
    FORGET_COMPONENT = "forget_component"
    RETRACT = "retract"
    UNDEPRECATE = "undeprecate"


class Correction(BaseModel):
    """One correction; of its selecting fields all that are given must hold for an event to be void."""

    model_config = ConfigDict(frozen=True)

    correction_id: UUID = Field(description="UUIDv7; the record's key")
    kind: CorrectionKind
    at: UtcTime = Field(description="When it was made; for `undeprecate` also the time that it speaks for")
    by: str = Field(min_length=1, description="Who made it: the name of the user, as the machine knows it")
    reason: str = Field(max_length=REASON_MAX, description="Why, in the user's words")
    component_id: str | None = Field(default=None, min_length=1, max_length=COMPONENT_ID_MAX)
    host_id: str | None = Field(default=None, max_length=HOST_ID_MAX)
    outcome_type: OutcomeType | None = None
    since: UtcTime | None = Field(default=None, description="Events that happened then or later")
    until: UtcTime | None = Field(default=None, description="Events that happened before then")
    event_ids: list[UUID] | None = Field(
        default=None, min_length=1, max_length=EVENT_IDS_MAX, description="Events with one of these ids"
    )
    before: list[Offset] | None = Field(
        default=None,
        description="Where each partition of `outcome-events` ended: originals from there on are not meant",
    )
    events: int = Field(default=0, ge=0, description="How many counted events it takes back")
    hosts: int = Field(default=0, ge=0, description="Of how many hosts")
    generations: list[Annotated[int, Field(ge=1)]] | None = Field(
        default=None,
        description="The generations that take all of it in among their events; others obey by a rebuild",
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        """Refuse a correction that would void nothing in particular."""
        kind = self.kind
        if (
            kind in {CorrectionKind.FORGET_COMPONENT, CorrectionKind.UNDEPRECATE}
            and self.component_id is None
        ):
            raise ValueError(f"{kind} needs a component_id")
        if kind is CorrectionKind.FORGET_HOST and self.host_id is None:
            raise ValueError(f"{kind} needs a host_id")
        if kind is CorrectionKind.UNDEPRECATE:
            return self
        if self.before is None:
            raise ValueError(f"{kind} needs to know where the log ended")
        selecting = (self.component_id, self.host_id, self.since, self.until, self.event_ids)
        if all(each is None for each in selecting):
            raise ValueError(
                "nothing says which events are meant: a component, a host, a time or ids are needed"
            )
        return self
