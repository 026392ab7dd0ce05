"""Puts generated events on a topic as fast as a Python client can: whole batches, each in its partition."""

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer

from processor.domain.partition import partition_of

if TYPE_CHECKING:
    from aiokafka.producer.message_accumulator import BatchBuilder

__all__ = ["load"]

BATCH_BYTES = 500_000


async def load(bootstrap: str, topic: str, partitions: int, events: Iterable[tuple[bytes, bytes]]) -> int:
    """Send events; each goes where its key's hash sends it.

    Args:
        bootstrap: the broker.
        topic: full name.
        partitions: how many the topic has.
        events: keys and values.

    Returns:
        How many bytes the values had together.
    """
    total_bytes = 0
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks=1, max_batch_size=BATCH_BYTES)
    async with producer:
        builders: list[BatchBuilder] = [producer.create_batch() for _ in range(partitions)]
        pending: list[asyncio.Future[object]] = []
        for key, value in events:
            total_bytes += len(value)
            partition = partition_of(key, partitions)
            now_ms = time.time_ns() // 1_000_000
            if builders[partition].append(key=key, value=value, timestamp=now_ms) is None:
                pending.append(await producer.send_batch(builders[partition], topic, partition=partition))
                builders[partition] = producer.create_batch()
                builders[partition].append(key=key, value=value, timestamp=now_ms)
        for partition, builder in enumerate(builders):
            if builder.record_count():
                pending.append(await producer.send_batch(builder, topic, partition=partition))
        await asyncio.gather(*pending)
    return total_bytes
