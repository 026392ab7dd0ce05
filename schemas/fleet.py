"""What the whole fleet comes to: a row for each partition of `outcome-events`, which readers add up."""

from pydantic import BaseModel, Field

__all__ = ["FleetTotals"]


class FleetTotals(BaseModel):
    """What one partition's hosts have reported so far; each event is counted once."""

    partition: int = Field(ge=0, description="Of `outcome-events`: which hosts these are")
    sessions: int = Field(
        ge=0, description="Failure sessions; at least one component failed in each. Mass failures are not in"
    )
    mass_failures: int = Field(ge=0, description="Sessions in which too many components failed to say more")
    install_successes: int = Field(ge=0)
    install_failures: int = Field(ge=0)
    usage_count: int = Field(ge=0)
    removal_count: int = Field(ge=0)
    deprecations: int = Field(ge=0, description="`deprecated` events")
    hosts: int = Field(
        ge=0,
        description="Hosts that were heard of; one that comes back after 30 idle days is counted again",
    )
