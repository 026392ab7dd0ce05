"""Rebuilds the state of newly assigned partitions, and decides from where each is read on.

Called with every earlier owner fenced, its open transactions ended: what stands on the topics is final. No
silent reset, ever: a source begins at its earliest offset only when it has neither state nor checkpoint.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition

from processor.engine.batch import FetchedRecord
from processor.engine.changelog import OnProgress, read_to_end
from processor.engine.checkpoints import checkpoint_key, decode
from processor.engine.claims import Claim, Word, read_claims
from processor.engine.config import EngineConfig
from processor.engine.errors import RefusedError
from processor.engine.table import PartitionedTable, Rows, TakeUp, take_up

__all__ = ["Restored", "restore"]


@dataclass(slots=True)
class Restored:
    """The state of the sources that were restored; those that are `counted` have a checkpoint."""

    rows: dict[tuple[str, int], Rows] = field(default_factory=dict)
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    sealed: set[TopicPartition] = field(default_factory=set)
    counted: set[TopicPartition] = field(default_factory=set)
    records: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the broker holds of a source: its log, and the group's offset, if any."""

    beginning: int
    end: int
    group: Claim | None


async def restore(
    config: EngineConfig,
    sources: Iterable[TopicPartition],
    tables: Sequence[PartitionedTable],
    on_progress: OnProgress | None = None,
) -> Restored:
    """Read the changelogs and checkpoints of some sources.

    Args:
        config: how to reach the broker.
        sources: partitions whose earlier owners are fenced.
        tables: all tables; those bound to a source's topic are read.
        on_progress: called with the offsets passed so far and those to pass in all.

    Returns:
        Rows by table name and partition; the next offset of each source, and which of them are sealed.

    Raises:
        RefusedError: state, checkpoint, the group's offset and the log do not fit together.
    """
    wanted = list(sources)
    found = _Found(wanted, tables)
    numbers = {source.partition for source in wanted}
    marks = {TopicPartition(config.checkpoints_topic, number) for number in numbers}
    await read_to_end(config, [*found.changelogs, *marks], found.add, on_progress=on_progress)
    bounds = await _bounds(config, wanted)
    for source in wanted:
        value = found.checkpoints.get(checkpoint_key(source))
        body = None if value is None else decode(value)
        checkpoint = None if body is None else int(str(body["offset"]))
        if body is not None:
            found.restored.counted.add(source)
            if body.get("sealed"):
                found.restored.sealed.add(source)
        has_state = any(
            found.restored.rows[table.name, source.partition]
            for table in tables
            if table.source_topic == source.topic
        )
        found.restored.positions[source] = start_offset(
            config.app_id, source, checkpoint, bounds[source], has_state
        )
    return found.restored


class _Found:
    """What the changelogs and checkpoints hold: the last value of each key, none for a tombstone."""

    def __init__(self, sources: Iterable[TopicPartition], tables: Sequence[PartitionedTable]) -> None:
        self.restored = Restored()
        self.changelogs: dict[TopicPartition, tuple[Rows, TakeUp]] = {}
        self.checkpoints: dict[bytes, bytes] = {}
        for source in sources:
            for table in tables:
                if table.source_topic == source.topic:
                    rows: Rows = {}
                    self.restored.rows[table.name, source.partition] = rows
                    changelog = TopicPartition(table.changelog, source.partition)
                    self.changelogs[changelog] = rows, table.take_up

    def add(self, partition: TopicPartition, records: Sequence[FetchedRecord]) -> None:
        """Take up a run of one partition's records."""
        self.restored.records += len(records)
        rows, take = self.changelogs.get(partition, (self.checkpoints, take_up))
        take(rows, {record.key or b"": record.value for record in records})


def start_offset(
    app_id: str, source: TopicPartition, checkpoint: int | None, bounds: Bounds, has_state: bool
) -> int:
    """Where a source is read on.

    Args:
        app_id: the consumer group's name, for the message.
        source: the partition.
        checkpoint: its stored next offset, if any.
        bounds: its log and the group's offset.
        has_state: whether any of its tables holds a row.

    Raises:
        RefusedError: going on would lose events or count them twice; the message says how to mend it.
    """
    where = f"{source.topic}[{source.partition}]"
    reset = (
        f"kafka-consumer-groups --group {app_id} --topic {source.topic}:{source.partition} --reset-offsets"
    )
    group = bounds.group
    if checkpoint is None:
        if has_state or (group is not None and group.word is not Word.UNREAD):
            what = "rows" if has_state or group is None else f"the group's offset {group.offset}"
            raise RefusedError(
                f"{where} has {what} but no checkpoint: it cannot be told which events are counted. "
                "Restore the checkpoints topic, or start anew with another --app-id and --topic-prefix",
            )
        return bounds.beginning
    if not bounds.beginning <= checkpoint <= bounds.end:
        raise RefusedError(
            f"{where}: the checkpoint {checkpoint} lies outside the log "
            f"({bounds.beginning} to {bounds.end}): events were deleted before they were counted, or the "
            "topic was made anew. Restore the topic, or start anew with another --app-id and --topic-prefix",
        )
    if group is not None and group.word is Word.COUNTED and group.offset != checkpoint:
        raise RefusedError(
            f"{where}: the group's offset was moved to {group.offset}, the state was counted up to "
            f"{checkpoint}; reading from elsewhere would lose events or count them twice. Put it back: "
            f"{reset} --to-offset {checkpoint} --execute; to count anew, use another --app-id and "
            "--topic-prefix",
        )
    return checkpoint


async def _bounds(config: EngineConfig, sources: Sequence[TopicPartition]) -> dict[TopicPartition, Bounds]:
    if not sources:
        return {}
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **config.clients())
    try:
        await consumer.start()
        beginnings = await consumer.beginning_offsets(list(sources))
        ends = await consumer.end_offsets(list(sources))
    finally:
        await consumer.stop()
    group = await read_claims(config, sources)
    return {source: Bounds(beginnings[source], ends[source], group.get(source)) for source in sources}
