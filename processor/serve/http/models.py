"""What HTTP answers with, as OpenAPI describes it; tests hold the answers, written as bytes, to it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from schemas import history
from schemas.limits import COMPONENT_ID_MAX
from schemas.overrides import HeldVerdict
from schemas.times import UtcTime
from schemas.verdicts import VerdictKind

__all__ = [
    "Component",
    "ComponentHistory",
    "Components",
    "Conflicts",
    "FailureSessions",
    "Pairs",
    "Problem",
    "Scores",
    "ScoresRequest",
    "Status",
]

_CURL = "pkg:deb/debian/curl"
_EXAMPLE_ROW = {
    "component_id": _CURL,
    "install_successes": 9,
    "install_failures": 1,
    "usage_count": 4,
    "removal_count": 0,
    "failure_sessions": 1,
    "first_seen": "2026-01-02T03:04:05.000006Z",
    "last_success": "2026-01-04T03:04:05.000006Z",
    "last_failure": "2026-01-03T03:04:05.000006Z",
    "deprecated_at": None,
    "success_rate": 0.9,
    "is_problematic": False,
    "score_multiplier": 0.9,
    "shrunk_rate": 0.9333,
    "verdicts": [],
}
_EXAMPLE_BUCKET = {
    "install_successes": 2,
    "install_failures": 1,
    "usage_count": 4,
    "removal_count": 0,
}
_EXAMPLE_HISTORY = {
    "component_id": _CURL,
    "hours": [{"start": "2026-01-03T03:00:00.000000Z", **_EXAMPLE_BUCKET}],
    "days": [{"start": "2026-01-03T00:00:00.000000Z", **_EXAMPLE_BUCKET}],
}
Cursor = str | None


def _example(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = _example(
        {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "this component was never seen",
        }
    )
    type: str
    title: str
    status: int
    detail: str


class ComponentHistory(history.ComponentHistory):
    """The time line of one component: what happened by hour and by day."""

    model_config = _example(_EXAMPLE_HISTORY)


class Component(BaseModel):
    """All that is counted of a component."""

    model_config = _example(_EXAMPLE_ROW)
    component_id: str
    install_successes: int = Field(ge=0)
    install_failures: int = Field(ge=0)
    usage_count: int = Field(ge=0)
    removal_count: int = Field(ge=0)
    failure_sessions: int = Field(default=0, ge=0, description="In how many failure sessions it failed")
    first_seen: UtcTime | None
    last_success: UtcTime | None
    last_failure: UtcTime | None
    deprecated_at: UtcTime | None
    success_rate: float = Field(ge=0, le=1, description="Successes / attempts; 0.0 with no attempt")
    is_problematic: bool = Field(description="Failures >= 3 and success_rate < 0.5")
    score_multiplier: float = Field(ge=0, le=1, description="success_rate; 1.0 with no attempt")
    shrunk_rate: float = Field(
        ge=0, le=1, description="success_rate, drawn towards the fleet's: what few installs cannot claim"
    )
    verdicts: list[HeldVerdict] = Field(description="What is held against it, with evidence and override")
    history: ComponentHistory | None = Field(
        default=None, description="Only if it is asked for; null where no time lines are followed"
    )


class Components(BaseModel):
    """A page of components."""

    model_config = _example({"components": [_EXAMPLE_ROW], "next": None})
    components: list[Component]
    next: Cursor = Field(description="The cursor of the next page; null on the last")


class ScoresRequest(BaseModel):
    """Which components to score."""

    model_config = _example({"component_ids": [_CURL, "never seen"]})
    component_ids: list[Annotated[str, Field(min_length=1, max_length=COMPONENT_ID_MAX)]] = Field(
        max_length=10_000
    )
    shrunk: StrictBool = Field(default=False, description="Whether to tell each shrunk rate; it takes longer")


class Score(BaseModel):
    """What a scoring service needs of one component."""

    component_id: str
    known: bool = Field(description="Whether it was ever seen")
    success_rate: float = Field(ge=0, le=1)
    score_multiplier: float = Field(ge=0, le=1, description="1.0 with no attempt, or if it is unknown")
    shrunk_rate: float | None = Field(
        default=None, ge=0, le=1, description="As of a component; only where `shrunk` is asked for"
    )
    is_problematic: bool
    is_deprecated: bool
    verdicts: list[VerdictKind] = Field(description="What is held against it, the gravest first")


class Scores(BaseModel):
    """One score for each id, in the order in which they were asked for."""

    model_config = _example(
        {
            "scores": [
                {
                    "component_id": _CURL,
                    "known": True,
                    "success_rate": 0.9,
                    "score_multiplier": 0.9,
                    "is_problematic": False,
                    "is_deprecated": False,
                    "verdicts": [],
                }
            ]
        }
    )
    scores: list[Score]


class Pair(BaseModel):
    """Two components that failed together."""

    component_a: str
    component_b: str
    count: int = Field(ge=1, description="Failure sessions in which both failed")
    expected: float = Field(description="In how many they would have by chance")
    surprise: float = Field(description="Signed G²: above 10.8 it is chance in one of 1,000 pairs")


class Pairs(BaseModel):
    """A page of pairs."""

    model_config = _example(
        {
            "pairs": [
                {
                    "component_a": "a",
                    "component_b": "b",
                    "count": 123,
                    "expected": 3.8,
                    "surprise": 1097.2,
                }
            ],
            "next": None,
        }
    )
    pairs: list[Pair]
    next: Cursor


class Conflict(BaseModel):
    """Another component that failed together with the one that is asked for."""

    component_id: str
    count: int = Field(ge=1)
    expected: float
    surprise: float


class Conflicts(BaseModel):
    """A page of conflicts of one component."""

    model_config = _example(
        {
            "component_id": "a",
            "conflicts": [{"component_id": "b", "count": 123, "expected": 3.8, "surprise": 1097.2}],
            "next": None,
        }
    )
    component_id: str
    conflicts: list[Conflict]
    next: Cursor


class FailureSession(BaseModel):
    """Failures of one host that stand close together."""

    host_id: str
    start: UtcTime
    end: UtcTime
    components: list[str] | None = Field(description="null for a mass failure: which they were is not kept")
    mass_failure: bool


class FailureSessions(BaseModel):
    """A page of the windowed table of failures, newest first."""

    model_config = _example(
        {
            "sessions": [
                {
                    "host_id": "host-1",
                    "start": "2026-01-02T03:04:05.000006Z",
                    "end": "2026-01-02T03:04:45.000006Z",
                    "components": ["a", "b"],
                    "mass_failure": False,
                }
            ],
            "next": None,
        }
    )
    sessions: list[FailureSession]
    next: Cursor


class Rows(BaseModel):
    """How many rows there are."""

    components: int
    pairs: int
    hosts: int = Field(description="Hosts with recent failure sessions")
    days: int | None = Field(description="Days of all time lines; null where none are followed")
    bad: int = Field(description="Records that were no rows: something else writes to the topics")


class Lists(BaseModel):
    """How many components are on each list."""

    problematic: int
    failing: int
    removed: int
    deprecated: int


class Pipeline(BaseModel):
    """How the workers are doing."""

    state: Literal["idle", "folding", "standing", "unknown"]
    lag: dict[str, int] = Field(description="Offsets still to be folded, by source topic")
    moved_s: float | None = Field(description="Seconds since something moved, or since there was work")


class Status(BaseModel):
    """How fresh the answers are."""

    ready: bool
    progress: float = Field(ge=0, le=1, description="How much of the start's rows is read")
    version: str
    generation: int = Field(description="Of which fold of the log the answers are")
    delay_s: float | None = Field(description="All that was committed this long ago is in the answers")
    behind: int = Field(description="Offsets between what was read and the topics' ends")
    changed_at: UtcTime | None = Field(description="The record time of the newest row")
    rows: Rows
    lists: Lists
    offsets: dict[str, list[int]] = Field(description="The next offset of each partition, by topic")
    pipeline: Pipeline | None
    streams: int = Field(description="Readers of /v1/stream")
