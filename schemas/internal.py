"""What our own agents tell each other: written down for people who look into a topic.

Nobody outside needs these records to use the results, and a new version may change them: each has a version.
The agents read and write them without these models, for speed; the tests hold both to each other.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from schemas.limits import COMPONENT_ID_MAX
from schemas.times import UtcTime

__all__ = [
    "Checkpoint",
    "CheckpointRecord",
    "DeadLetterHeaders",
    "HostLedger",
    "LedgerSession",
    "PackedDeltas",
    "PackedPairs",
    "StoredLayout",
    "StoredRemarks",
]

ComponentId = Annotated[str, Field(min_length=1, max_length=COMPONENT_ID_MAX)]
Count = Annotated[int, Field(ge=0)]
TimeUs = Annotated[int, Field(description="Microseconds since the epoch")]

Hours = Annotated[
    list[int],
    Field(description="Five numbers an hour: which one since the epoch; successes, failures, uses, removals"),
]
Days = Annotated[
    list[int],
    Field(description="The same for whole days, whose hours are not told apart"),
]
Sessions = Annotated[int, Field(description="By how much the number of failure sessions changes")]
Notes = Annotated[
    tuple[int, TimeUs | None, TimeUs | None, TimeUs | None, bool],
    Field(description="`deprecated` events: how many, the first, the last; undeprecated at; stale times"),
]
# All counts are of one hour, that of `first_seen`: the usual case.
OneHour = tuple[
    ComponentId,
    Count,
    Count,
    Count,
    Count,
    TimeUs | None,
    TimeUs | None,
    TimeUs | None,
    Notes | None,
    Sessions,
]
ManyHours = tuple[
    ComponentId,
    Count,
    Count,
    Count,
    Count,
    TimeUs | None,
    TimeUs | None,
    TimeUs | None,
    Notes | None,
    Sessions,
    Hours,
    Days,
]
# Below 0, as they are taken back; an undeprecation takes nothing back and tells no hours.
TakenBack = tuple[
    ComponentId,
    int,
    int,
    int,
    int,
    TimeUs | None,
    TimeUs | None,
    TimeUs | None,
    Notes | None,
    Sessions,
    Hours,
    Days,
]
Undeprecated = tuple[
    ComponentId, int, int, int, int, TimeUs | None, TimeUs | None, TimeUs | None, Notes | None, Sessions
]
PairChange = tuple[ComponentId, ComponentId, int]


class _Internal(BaseModel):
    model_config = ConfigDict(extra="forbid")

    v: Literal[1] = Field(description="The version of this encoding")


class PackedChanges(_Internal):
    """Changes to components of one partition, to be merged into their rows; version 1 ended after nine."""

    v: Literal[2] = Field(description="The version of this encoding")  # type: ignore[assignment]  # not 1
    deltas: list[OneHour | ManyHours] = Field(
        description="component_id, install_successes, install_failures, usage_count, removal_count, "
        "first_seen, last_success, last_failure, notes, change of failure_sessions; and where the "
        "counts are not all of the hour of first_seen, by hour and by day"
    )


class PackedTakenBack(_Internal):
    """What corrections take back from components of one partition: sums below 0, times of void events."""

    v: Literal[2] = Field(description="The version of this encoding")  # type: ignore[assignment]  # not 1
    taken_back: list[TakenBack | Undeprecated] = Field(description="As in deltas; hours and days always")


class PackedDeltas(RootModel[PackedChanges | PackedTakenBack]):
    """A value of `component-deltas`."""


class PackedPairs(_Internal):
    """Signed changes to the counts of pairs of one partition."""

    pairs: list[PairChange] = Field(description="component_a, component_b, change; a < b by code point")


class LedgerSession(BaseModel):
    """Failures of one host, with no gap between neighbours that exceeds the session gap."""

    model_config = ConfigDict(extra="forbid")

    start: UtcTime = Field(description="The first failure")
    end: UtcTime = Field(description="The last failure")
    components: list[ComponentId] | None = Field(
        description="The distinct components in order; null after a mass failure, which adds no pairs"
    )


class HostLedger(_Internal):
    """What must be remembered of one host: the windowed table of failures.

    Of version 1, before failure sessions were counted, are hosts that were not heard of since.
    """

    v: Literal[1, 2] = Field(description="The version of this encoding")  # type: ignore[assignment]  # or 2
    heard: UtcTime = Field(description="The record time of the newest event; an idle host is forgotten")
    ring: str = Field(
        description="Base64 of the last event ids' fingerprints, oldest first, 8 bytes each",
        json_schema_extra={"contentEncoding": "base64"},
    )
    sessions: list[LedgerSession] = Field(description="The recent failure sessions, oldest first")


class Checkpoint(_Internal):
    """Where a source partition is read on, written in the same transaction as the state."""

    offset: int = Field(ge=0, description="The next offset")
    sealed: bool = Field(
        default=False,
        description="Rows found no room: new ones are refused until all is folded again",
    )


class StoredLayout(_Internal):
    """What the stored state depends on; a worker with another layout refuses to start."""

    layout: dict[str, int | str] = Field(description="Partition count, session gap, encoding versions")


class StoredRemarks(_Internal):
    """What the workers' settings were at their last start, as far as rows depend on them."""

    remarks: dict[str, int | str] = Field(description="Settings by name, without their prefix")


class CheckpointRecord(RootModel[Checkpoint | StoredLayout | StoredRemarks]):
    """A value of `checkpoints`: an offset, or under the keys `["layout"]` and `["remarks"]` what they say."""


class DeadLetterHeaders(BaseModel):
    """The headers of a dead letter, as text; its key and value are what came, at most 64 KiB of each."""

    reason: str = Field(alias="fleetfold-reason", description="A code, such as `not_json` or `wrong_type`")
    field: str = Field(alias="fleetfold-field", description="The field at fault; empty if it is the whole")
    topic: str = Field(alias="fleetfold-topic", description="Where it stood")
    partition: str = Field(alias="fleetfold-partition", pattern=r"^[0-9]+$")
    offset: str = Field(alias="fleetfold-offset", pattern=r"^[0-9]+$")
    time: str = Field(
        alias="fleetfold-time",
        pattern=r"^-?[0-9]+$",
        description="Its record time, milliseconds since the epoch",
    )
    size: str = Field(
        alias="fleetfold-size", pattern=r"^[0-9]+$", description="The value's full size in bytes"
    )
