"""A snapshot of a compacted topic is every committed row up to the end that the log had when we asked.

The end is the high watermark, as a `read_uncommitted` client sees it: the committed end stands before an
open transaction, and before one whose markers are still on their way, so a row that was committed a
moment ago could be missed. The log's last offsets may be markers, which are never delivered; so what
counts is the position, not the last record.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from processor.admin import admin_client, kafka_trouble
from processor.errors import KafkaUnavailableError, TopicsError

__all__ = ["Snapshot", "end_offsets", "read_snapshot", "read_topic"]

_RUN_RECORDS = 20_000
_RUN_WAIT_MS = 250
_FETCH_BYTES = 4 * 1024 * 1024
# Longer than the broker lets a dead producer's transaction stand open by our settings (60 s).
_PATIENCE_S = 90.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows of a topic by key, and the offset that each partition was read up to."""

    rows: dict[bytes, bytes]
    offsets: dict[int, int]


async def read_snapshot(
    topic: str,
    options: Mapping[str, Any],
    on_records: Callable[[int], None] | None = None,
    patience_s: float = _PATIENCE_S,
) -> Snapshot:
    """Read a compacted topic from its beginning to its end of now; deleted rows are left out.

    Args:
        topic: its full name.
        options: what `Settings.kafka_options` returns.
        on_records: called with the count of records of each run, for a progress bar.
        patience_s: how long to wait for an open transaction to end.

    Raises:
        TopicsError: no such topic, or no right to read it.
        KafkaUnavailableError: no broker answers, it does not finish, or reading starts at the wrong place.
    """
    rows: dict[bytes, bytes] = {}

    def gather(records: list[Any]) -> None:
        _gather(records, rows)
        if on_records is not None:
            on_records(len(records))

    offsets = await read_topic(topic, options, gather, patience_s)
    return Snapshot(rows, offsets)


async def read_topic(
    topic: str,
    options: Mapping[str, Any],
    on_records: Callable[[list[Any]], None],
    patience_s: float = _PATIENCE_S,
    first: Mapping[int, int] | None = None,
) -> dict[int, int]:
    """Read a topic from its beginning to its end of now: committed records, each partition in its order.

    Args:
        topic: its full name.
        options: what `Settings.kafka_options` returns.
        on_records: called with each run of records (aiokafka's ConsumerRecord) of one partition.
        patience_s: how long to wait for an open transaction to end.
        first: partitions to read, each with the offset to begin at; all from their beginnings if not given.

    Returns:
        The offset that each partition was read up to.

    Raises:
        TopicsError: no such topic, or no right to read it.
        KafkaUnavailableError: no broker answers, it does not finish, or reading starts at the wrong place.
    """
    partitions = await _partitions(topic, options)
    if first is not None:
        partitions = [TopicPartition(topic, number) for number in first]
    try:
        ends = await _high_watermarks(partitions, options)
        async with _consumer(options, "read_committed") as consumer:
            consumer.assign(partitions)
            await _check_start(consumer, partitions)
            for number, offset in (first or {}).items():
                partition = TopicPartition(topic, number)
                consumer.seek(partition, max(offset, await consumer.position(partition)))
            await _read(consumer, ends, on_records, patience_s)
            return {partition.partition: await consumer.position(partition) for partition in partitions}
    except KafkaError as error:
        raise kafka_trouble(error, options) from error


async def end_offsets(topic: str, options: Mapping[str, Any]) -> dict[int, int]:
    """Return where each partition of a topic ends now, open transactions and markers included.

    Raises:
        TopicsError: no such topic, or no right to see it.
        KafkaUnavailableError: no broker answers.
    """
    partitions = await _partitions(topic, options)
    try:
        ends = await _high_watermarks(partitions, options)
    except KafkaError as error:
        raise kafka_trouble(error, options) from error
    return {partition.partition: end for partition, end in ends.items()}


async def _partitions(topic: str, options: Mapping[str, Any]) -> list[TopicPartition]:
    async with admin_client(options) as client:
        leaders = await client.leaders([topic])
    if topic not in leaders:
        raise TopicsError(f"there is no topic {topic}: make it with `fleetfold topics create`")
    return [TopicPartition(topic, number) for number in range(len(leaders[topic]))]


@asynccontextmanager
async def _consumer(options: Mapping[str, Any], isolation_level: str) -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(
        **options,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level=isolation_level,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def _high_watermarks(
    partitions: list[TopicPartition], options: Mapping[str, Any]
) -> dict[TopicPartition, int]:
    """Return where each log ends, open transactions and markers included."""
    async with _consumer(options, "read_uncommitted") as consumer:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    return ends


async def _check_start(consumer: Any, partitions: list[TopicPartition]) -> None:
    """Hold aiokafka to the beginning: a look-up of the latest offset once won the race against it."""
    beginnings = await consumer.beginning_offsets(partitions)
    for partition in partitions:
        position = await consumer.position(partition)
        if position != beginnings[partition]:
            raise KafkaUnavailableError(
                f"{partition.topic} partition {partition.partition} is read from offset {position} "
                f"instead of {beginnings[partition]}: try again"
            )


async def _read(
    consumer: Any,
    ends: Mapping[TopicPartition, int],
    on_records: Callable[[list[Any]], None],
    patience_s: float,
) -> None:
    """Hand on records until each position has reached its end; patience begins anew with each run."""
    behind = set(ends)
    deadline_s = time.monotonic() + patience_s
    while behind := {tp for tp in behind if await consumer.position(tp) < ends[tp]}:
        runs = await consumer.getmany(*behind, timeout_ms=_RUN_WAIT_MS, max_records=_RUN_RECORDS)
        for records in runs.values():
            on_records(records)
        if runs:
            deadline_s = time.monotonic() + patience_s
        elif time.monotonic() > deadline_s:
            raise KafkaUnavailableError(_stuck(behind, ends, patience_s))
        await asyncio.sleep(0)


def _gather(records: list[Any], rows: dict[bytes, bytes]) -> None:
    """Put one run of records into the rows; a tombstone takes its row away."""
    for record in records:
        key, value = record.key, record.value
        if key is None:
            continue  # not a row: nothing in a compacted topic is without a key
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value


def _stuck(behind: set[TopicPartition], ends: Mapping[TopicPartition, int], patience_s: float) -> str:
    first = min(behind)
    return (
        f"{first.topic} partition {first.partition} was not readable up to offset {ends[first]} within "
        f"{patience_s:.0f} s: a transaction may stand open; try again when its worker is back"
    )
