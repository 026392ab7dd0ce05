"""A component's row says what happened to it so far, and what follows from it: no reader needs a formula."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field, computed_field

from schemas.times import UtcTime

__all__ = ["OutcomeStats", "RowNotes", "is_problematic", "success_rate"]

_PROBLEMATIC_FAILURES: Final = 3
_PROBLEMATIC_RATE: Final = 0.5


def success_rate(successes: int, failures: int) -> float:
    """Return the share of attempts that worked, in 0.0..1.0; 0.0 with no attempt."""
    attempts = successes + failures
    return successes / attempts if attempts else 0.0


def is_problematic(successes: int, failures: int) -> bool:
    """Tell whether a component fails often enough to warn of: three failures at least, and more than half."""
    return failures >= _PROBLEMATIC_FAILURES and success_rate(successes, failures) < _PROBLEMATIC_RATE


class RowNotes(BaseModel):
    """What only few components have."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    deprecations: int = Field(default=0, ge=0, description="How many `deprecated` events")
    last_deprecated: UtcTime | None = Field(default=None, description="The newest of them")
    undeprecated_at: UtcTime | None = Field(
        default=None,
        description="Up to then it was not deprecated, whatever events say: `fleetfold undeprecate`",
    )
    has_stale_times: bool = Field(
        default=False,
        description="Events of it were taken back: counts are exact, times may tell of one until a rebuild",
    )


class OutcomeStats(BaseModel):
    """The outcomes of one component; `success_rate` and `is_problematic` are written, never read."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    component_id: str
    install_successes: int = Field(default=0, ge=0)
    install_failures: int = Field(default=0, ge=0)
    usage_count: int = Field(default=0, ge=0)
    removal_count: int = Field(default=0, ge=0)
    failure_sessions: int = Field(
        default=0,
        ge=0,
        description="In how many failure sessions, of all hosts, it failed; mass failures are not in",
    )
    first_seen: UtcTime | None = Field(default=None, description="The earliest event of any type")
    last_success: UtcTime | None = Field(default=None, description="The newest successful install")
    last_failure: UtcTime | None = Field(default=None, description="The newest failed install")
    deprecated_at: UtcTime | None = Field(
        default=None,
        description="The earliest `deprecated` event; after an undeprecation the newest one after it",
    )
    notes: RowNotes | None = Field(default=None, description="For few components; null if there are none")

    @computed_field(description="Successes / attempts; 0.0 with no attempt")  # type: ignore[prop-decorator]  # python/mypy#1362
    @property
    def success_rate(self) -> float:
        """The share of attempts that worked, in 0.0..1.0; 0.0 with no attempt."""
        return success_rate(self.install_successes, self.install_failures)

    @computed_field(description="Failures >= 3 and success_rate < 0.5")  # type: ignore[prop-decorator]  # the same
    @property
    def is_problematic(self) -> bool:
        """Whether it fails often enough to warn of."""
        return is_problematic(self.install_successes, self.install_failures)
