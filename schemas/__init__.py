"""The contract of Fleetfold's topics; needs pydantic and orjson alone, and nothing of the processor."""

from schemas.cofailure import CoFailure
from schemas.fleet import FleetTotals
from schemas.history import ComponentHistory, HistoryBucket, HistoryDay
from schemas.limits import COMPONENT_ID_MAX, CONTEXT_MAX, HOST_ID_MAX
from schemas.outcome import ComponentOutcome, OutcomeType, PublishedOutcome
from schemas.stats import OutcomeStats

__all__ = [
    "COMPONENT_ID_MAX",
    "CONTEXT_MAX",
    "HOST_ID_MAX",
    "CoFailure",
    "ComponentHistory",
    "ComponentOutcome",
    "FleetTotals",
    "HistoryBucket",
    "HistoryDay",
    "OutcomeStats",
    "OutcomeType",
    "PublishedOutcome",
]
