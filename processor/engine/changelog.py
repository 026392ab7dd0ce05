"""Reads compacted topics from their beginning to their end, as recovery needs it.

The end is the high watermark, not the last stable offset: another producer's open transaction may hold the
stable offset back, and what was committed behind it would be missed. The beginning is sought by its number,
and checked: with a reset strategy, the look-up of another position may win the race, and nothing is read.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from processor import lean_fetch
from processor.engine.batch import FetchedRecord
from processor.engine.config import EngineConfig
from processor.engine.errors import EngineError

__all__ = ["OnProgress", "OnRecords", "read_to_end"]

OnRecords = Callable[[TopicPartition, Sequence[FetchedRecord]], None]
OnProgress = Callable[[int, int], None]

RUN_RECORDS = 20_000
POLL_MS = 200
STALL_LIMIT_S = 300.0
STALL_WARNING_S = 10.0

logger = logging.getLogger(__name__)


async def read_to_end(
    config: EngineConfig,
    partitions: Iterable[TopicPartition],
    on_records: OnRecords,
    isolation_level: str = "read_committed",
    on_progress: OnProgress | None = None,
) -> None:
    """Hand every record of the partitions to `on_records`, run by run, in offset order.

    Args:
        config: how to reach the broker.
        partitions: what to read.
        on_records: called with a partition and a run of its records.
        isolation_level: as Kafka names it.
        on_progress: called after each run with the offsets passed so far and those to pass in all.

    Raises:
        EngineError: a partition was not read from its beginning, or nothing came for five minutes.
        KafkaError: the broker refused.
    """
    wanted = sorted(set(partitions))
    if not wanted:
        return
    consumer = AIOKafkaConsumer(
        isolation_level=isolation_level,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=50,
        fetch_max_bytes=config.fetch_max_bytes,
        **config.clients(),
    )
    try:
        await consumer.start()
        lean_fetch.install(consumer)
        consumer.assign(wanted)
        beginnings = await _seek_to_beginning(consumer, wanted)
        await _drain(consumer, beginnings, on_records, on_progress)
    finally:
        await consumer.stop()


async def _seek_to_beginning(
    consumer: Any, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    beginnings: dict[TopicPartition, int] = await consumer.beginning_offsets(partitions)
    for partition in partitions:
        consumer.seek(partition, beginnings[partition])
    for partition in partitions:
        position = await consumer.position(partition)
        if position != beginnings[partition]:
            raise EngineError(
                f"{partition.topic}[{partition.partition}] would be read from {position} "
                f"instead of its beginning {beginnings[partition]}",
            )
    return beginnings


async def _drain(
    consumer: Any,
    beginnings: dict[TopicPartition, int],
    on_records: OnRecords,
    on_progress: OnProgress | None,
) -> None:
    pending = set(beginnings)
    positions = dict(beginnings)
    ends: dict[TopicPartition, int] = {}
    loop = asyncio.get_running_loop()
    progress_at_s = warn_at_s = loop.time()
    while pending:
        runs = await consumer.getmany(*pending, timeout_ms=POLL_MS, max_records=RUN_RECORDS)
        for partition, records in runs.items():
            on_records(partition, list(records))
        for partition in list(pending):
            high_watermark = consumer.highwater(partition)
            if high_watermark is None:
                continue
            # The first one seen is enough: what matters was committed before this read began.
            end = ends.setdefault(partition, high_watermark)
            positions[partition] = await consumer.position(partition)
            if positions[partition] >= end:
                positions[partition] = end
                pending.discard(partition)
        if on_progress is not None and len(ends) == len(beginnings):
            first = sum(beginnings.values())
            on_progress(sum(positions.values()) - first, sum(ends.values()) - first)
        if runs:
            progress_at_s = warn_at_s = loop.time()
        elif loop.time() - progress_at_s > STALL_LIMIT_S:
            behind = _behind(pending, positions, ends)
            raise KafkaError(f"nothing came for {STALL_LIMIT_S:g} s from {behind}")
        elif loop.time() - warn_at_s > STALL_WARNING_S:
            warn_at_s = loop.time()
            # Our own was ended before: it is another producer's, or what a crash of the broker left.
            logger.warning(
                "still waiting for %s: a transaction stands open there; kafka-transactions.sh find-hanging "
                "tells of one that nobody will end",
                _behind(pending, positions, ends),
            )


def _behind(
    pending: Iterable[TopicPartition],
    positions: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
) -> str:
    return ", ".join(
        f"{tp.topic}[{tp.partition}] at {positions[tp]} of {ends.get(tp, 'an unknown end')}"
        for tp in sorted(pending)
    )
