"""A verdict is an answer that one can act on, with the evidence that it rests on.

A component's row on `verdicts` holds all that is held against it now; a component without a verdict has none.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.times import UtcTime

__all__ = [
    "CONFLICTS_MAX",
    "ComponentVerdicts",
    "EndedConflict",
    "Verdict",
    "VerdictEvidence",
    "VerdictKind",
    "Window",
]

CONFLICTS_MAX: Final = 50
"""A component's row names so many conflicts at most, the most surprising ones."""

Window = Literal["1h", "2h", "6h", "24h", "7d", "30d", "ever"]

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class VerdictKind(StrEnum):
    """What is held against a component."""

    PROBLEMATIC = "problematic"
    FREQUENTLY_REMOVED = "frequently_removed"
    DEPRECATED_IN_USE = "deprecated_in_use"
    CONFLICTS_WITH = "conflicts_with"


class VerdictEvidence(BaseModel):
    """The numbers behind a verdict; those that say nothing about its kind are null."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    window: Window = Field(description="Over which time; hours and days are whole ones, up to now")
    window_start: UtcTime | None = Field(default=None, description="When that time begins; null for ever")
    good: Count | None = Field(default=None, description="Successes, installs that were kept, or uses")
    bad: Count | None = Field(default=None, description="Failures or removals, without explained ones")
    rate: Share | None = Field(default=None, description="bad / (good + bad)")
    rate_low: Share | None = Field(default=None, description="Its Wilson interval of 95 %: from")
    rate_high: Share | None = Field(default=None, description="to")
    usual_rate: Share | None = Field(
        default=None, description="What it was compared with: fleet, or its past"
    )
    count: Count | None = Field(default=None, description="Failure sessions in which both failed")
    expected: float | None = Field(default=None, ge=0, description="How many chance would bring")
    lift: float | None = Field(default=None, ge=0, description="count / expected")
    surprise: float | None = Field(default=None, description="Signed G²")
    q_value: Share | None = Field(default=None, description="Expected share of false ones up to this pair")
    last_counted: UtcTime | None = Field(default=None, description="Both last failed together then or before")


class Verdict(BaseModel):
    """One thing that is held against a component."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    kind: VerdictKind
    other: str | None = Field(default=None, description="conflicts_with: the other component")
    since: UtcTime = Field(description="When the verdict was reached; it has stood since")
    reason: str = Field(description="One plain sentence")
    confidence: Share = Field(description="1 minus the chance that chance alone looks like this")
    evidence: VerdictEvidence


class EndedConflict(BaseModel):
    """A conflict that was mended: it takes new evidence to hold it against the component again."""

    other: str
    count: Count = Field(description="Sessions in which both had failed by then")
    at: UtcTime = Field(description="When the verdict ended")


class ComponentVerdicts(BaseModel):
    """All verdicts of one component."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    component_id: str
    verdicts: list[Verdict] = Field(description="The gravest first")
    ended: list[EndedConflict] = Field(default=[], description="Conflicts that were mended, the newest first")
    updated_at: UtcTime = Field(description="When this row was written")
