"""The topic table: what each topic holds, how long, and who may write and read it.

Every topic but `verdicts`, `dead-letters`, `corrections`, `overrides` and `aliases` has the same number of
partitions, because a row, the events it is made of and the offset up to which it counts them are found by the
same number. A full name is the prefix and the name.

A rebuild folds all events again into another generation: N from 2 on has topics of its own whose names begin
with `gN.`, and its own number of partitions. Events, verdicts and what people say are shared by all.
"""

from dataclasses import dataclass
from typing import Final, Literal

__all__ = [
    "ALIASES",
    "CHECKPOINTS",
    "COMPONENT_DELTAS",
    "COMPONENT_HISTORY",
    "COMPONENT_STATS",
    "CORRECTIONS",
    "CO_FAILURES",
    "DEAD_LETTERS",
    "DEFAULT_PARTITIONS",
    "FLEET_TOTALS",
    "HOST_LEDGER",
    "OUTCOME_EVENTS",
    "OVERRIDES",
    "PAIR_DELTAS",
    "ROUTED_EVENTS",
    "ROUTED_TOPIC",
    "TOPICS",
    "VERDICTS",
    "Cleanup",
    "TimestampType",
    "TopicSpec",
    "topics_of",
]

OUTCOME_EVENTS: Final = "outcome-events"
COMPONENT_DELTAS: Final = "component-deltas"
PAIR_DELTAS: Final = "pair-deltas"
HOST_LEDGER: Final = "host-ledger"
COMPONENT_STATS: Final = "component-stats"
CO_FAILURES: Final = "co-failures"
COMPONENT_HISTORY: Final = "component-history"
FLEET_TOTALS: Final = "fleet-totals"
CHECKPOINTS: Final = "checkpoints"
VERDICTS: Final = "verdicts"
DEAD_LETTERS: Final = "dead-letters"
CORRECTIONS: Final = "corrections"
OVERRIDES: Final = "overrides"
ALIASES: Final = "aliases"
ROUTED_EVENTS: Final = "routed-events"

DEFAULT_PARTITIONS: Final = 4

Cleanup = Literal["delete", "compact"]
TimestampType = Literal["CreateTime", "LogAppendTime"]

_FOREVER_MS = -1
_DAY_MS = 86_400_000
_MESSAGE_BYTES = 1_048_576
# The segment that is written to is neither compacted nor purged, so it must not stay open for a week.
_SEGMENT_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """One topic of the contract.

    Attributes:
        name: without the prefix.
        key: what the record's key holds, as raw bytes.
        value: what its value holds; but for `dead-letters` JSON in UTF-8, one object a record.
        cleanup: how the broker deletes: by age, or all but the newest record of each key.
        retention_ms: how long records stay, -1 for ever; None for a compacted topic, which has none.
        written_by: the parts that write, each perhaps with a word in brackets; access rights follow from it.
        read_by: the parts that read, likewise.
        copartitioned: whether it must have as many partitions as `outcome-events`.
        partitions: how many it has unless the operator says otherwise.
        one_order: whether it has one partition, whatever the operator says, because its order counts.
        timestamp_type: whose clock stamps a record. Where age deletes, it must be the broker's: a record that
            comes stamped with an old event time would be gone at once.
        max_message_bytes: the largest record that it takes by default.
        shared: whether all generations have it in common; of the others each has its own.
    """

    name: str
    key: str
    value: str
    cleanup: Cleanup
    retention_ms: int | None
    written_by: tuple[str, ...]
    read_by: tuple[str, ...]
    copartitioned: bool = True
    partitions: int = DEFAULT_PARTITIONS
    one_order: bool = False
    timestamp_type: TimestampType = "CreateTime"
    max_message_bytes: int = _MESSAGE_BYTES
    shared: bool = False

    def config(self) -> dict[str, str]:
        """Return the settings that the topic is created with, in Kafka's names."""
        config = {
            "cleanup.policy": self.cleanup,
            "message.timestamp.type": self.timestamp_type,
            "max.message.bytes": str(self.max_message_bytes),
        }
        if self.retention_ms is not None:
            config["retention.ms"] = str(self.retention_ms)
        if self.name not in {OUTCOME_EVENTS, DEAD_LETTERS, CORRECTIONS, OVERRIDES}:
            config["segment.ms"] = str(_SEGMENT_MS)
        return config


TOPICS: Final[tuple[TopicSpec, ...]] = (
    TopicSpec(
        name=OUTCOME_EVENTS,
        key="host_id",
        value="PublishedOutcome",
        cleanup="delete",
        retention_ms=_FOREVER_MS,  # the events are the truth: every table can be folded from them again
        timestamp_type="LogAppendTime",
        shared=True,
        written_by=(
            "publishers",
            "intake (forwards)",
            "dead-letter replay",
            "forget (control records)",
            "retract (control records)",
        ),
        read_by=("intake", "forget", "retract", "rebuild"),
    ),
    TopicSpec(
        name=COMPONENT_DELTAS,
        key="none; partition = murmur2 of component_id",
        value="PackedDeltas",
        cleanup="delete",
        retention_ms=_FOREVER_MS,  # components purges what it has committed, and nothing else may delete
        written_by=("intake", "undeprecate"),
        read_by=("components", "switch (how far they are)"),
    ),
    TopicSpec(
        name=PAIR_DELTAS,
        key="none; partition = that of the pair in co-failures",
        value="PackedPairs",
        cleanup="delete",
        retention_ms=_FOREVER_MS,  # the same, by pairs
        written_by=("intake",),
        read_by=("pairs", "switch (how far they are)"),
    ),
    TopicSpec(
        name=HOST_LEDGER,
        key="host_id",
        value="HostLedger",
        cleanup="compact",
        retention_ms=None,
        written_by=("intake",),
        read_by=("recovery", "failure queries", "retract"),
    ),
    TopicSpec(
        name=COMPONENT_STATS,
        key="component_id",
        value="OutcomeStats",
        cleanup="compact",
        retention_ms=None,
        written_by=("components",),
        read_by=("recovery", "scoring services", "verdicts", "undeprecate", "rebuild (what differs)"),
    ),
    TopicSpec(
        name=CO_FAILURES,
        key='JSON array ["a","b"], a < b by code point',
        value="CoFailure",
        cleanup="compact",
        retention_ms=None,
        written_by=("pairs",),
        read_by=("recovery", "scoring services", "verdicts", "rebuild (what differs)"),
    ),
    TopicSpec(
        name=COMPONENT_HISTORY,
        key='JSON array ["component_id","2026-11-24"]; partition = that of component-stats',
        value="HistoryDay",
        cleanup="compact",
        retention_ms=None,
        written_by=("components",),
        read_by=("recovery", "scoring services", "verdicts", "rebuild (what differs)"),
    ),
    TopicSpec(
        name=FLEET_TOTALS,
        key="the partition of outcome-events, in decimal",
        value="FleetTotals",
        cleanup="compact",
        retention_ms=None,
        written_by=("intake",),
        read_by=("recovery", "scoring services", "verdicts", "rebuild (what differs)"),
    ),
    TopicSpec(
        name=VERDICTS,
        key="component_id",
        value="ComponentVerdicts",
        cleanup="compact",
        retention_ms=None,
        copartitioned=False,
        partitions=1,
        one_order=True,  # who reads this one partition for the group is the one who writes
        shared=True,  # they judge the live generation's rows, whichever that is
        written_by=("verdicts",),
        read_by=("verdicts", "scoring services", "people", "override"),
    ),
    TopicSpec(
        name=CHECKPOINTS,
        key='JSON array ["source topic", partition], or ["layout"], ["remarks"]',
        value="CheckpointRecord",
        cleanup="compact",
        retention_ms=None,
        written_by=("intake", "components", "pairs"),
        read_by=("recovery", "views (how far the workers are)", "rebuild (how they were made)"),
    ),
    TopicSpec(
        name=DEAD_LETTERS,
        key="as it came",
        value="DeadLetterHeaders",  # the headers: the value is whatever bytes came, the first 64 KiB of them
        cleanup="delete",
        retention_ms=30 * _DAY_MS,
        timestamp_type="LogAppendTime",
        copartitioned=False,
        written_by=("intake", "dead-letter replay (markers)"),
        read_by=("people", "dead-letter replay"),
    ),
    TopicSpec(
        name=CORRECTIONS,
        key="correction_id",
        value="Correction",
        cleanup="delete",
        retention_ms=_FOREVER_MS,  # the audit, and what a rebuild must obey
        timestamp_type="LogAppendTime",
        copartitioned=False,
        partitions=1,
        one_order=True,
        shared=True,
        written_by=("forget", "retract", "undeprecate"),
        read_by=("people", "forget", "retract", "rebuild", "dead-letter replay"),
    ),
    TopicSpec(
        name=OVERRIDES,
        key='JSON array ["component_id"], or ["a","b"] of a conflict, a < b by code point',
        value="Override",
        cleanup="delete",
        retention_ms=_FOREVER_MS,  # the newest of a key is in force, and all of them are the audit
        timestamp_type="LogAppendTime",
        copartitioned=False,
        partitions=1,
        one_order=True,
        shared=True,
        written_by=("override",),
        read_by=("override", "scoring services", "people"),
    ),
    TopicSpec(
        name=ALIASES,
        key="live, or built-N",
        value="AliasRecord",
        cleanup="compact",
        retention_ms=None,
        copartitioned=False,
        partitions=1,
        one_order=True,
        shared=True,
        written_by=("rebuild", "switch", "drop-generation"),
        read_by=(
            "views",
            "queries",
            "workers",
            "verdicts",
            "rebuild",
            "switch",
            "forget",
            "retract",
            "undeprecate",
        ),
    ),
)
"""The topics of a first generation, and those that all share."""

ROUTED_TOPIC: Final = TopicSpec(
    name=ROUTED_EVENTS,
    key="host_id",
    value="PublishedOutcome",
    cleanup="delete",
    retention_ms=_FOREVER_MS,  # intake purges what it has committed, and nothing else may delete
    written_by=("rebuild", "route", "dead-letter replay"),
    read_by=("intake", "switch (how far it is)"),
)
"""What a generation from 2 on has besides: all events, each in its host's partition among its own."""


def topics_of(generation: int) -> tuple[TopicSpec, ...]:
    """Return the topics that a generation reads and writes, the shared ones included."""
    return TOPICS if generation == 1 else (*TOPICS, ROUTED_TOPIC)
