"""What is purged is counted: nothing at or above the checkpoint is ever deleted."""

import asyncio
from functools import partial

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from processor.broker import EmbeddedKafka
from processor.engine import producers
from processor.engine.app import BatchApp
from processor.engine.transaction import Joint
from tests.waiting import eventually
from tests.words import PARTITIONS, Words, running

pytestmark = pytest.mark.kafka


async def beginnings(words: Words) -> list[int]:
    """The first offset that is left of each of the source's partitions."""
    partitions = [TopicPartition(words.source, number) for number in range(PARTITIONS)]
    async with AIOKafkaConsumer(bootstrap_servers=words.bootstrap) as consumer:
        found = await consumer.beginning_offsets(partitions)
    return [found[partition] for partition in partitions]


async def are_committed(app: BatchApp, offset: int) -> bool:
    """Whether every partition is committed up to an offset."""
    return all(app.engine.committed.get(source) == offset for source in app.engine.ownership.positions)


async def test_a_purge_stops_at_the_checkpoint(
    kafka: EmbeddedKafka, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S18: while a batch is folded but not committed, its records stay, and the next worker counts them."""
    commit = producers.FencedProducer.commit
    stuck, enough = asyncio.Event(), asyncio.Event()

    async def commit_some(self: producers.FencedProducer, transaction: Joint) -> None:
        if max(transaction.offsets.values()) > 100:
            stuck.set()
            await enough.wait()
        await commit(self, transaction)

    words = Words(kafka.bootstrap, prefix)
    await words.create_topics()
    await words.publish(f"word-{n % 7}" for n in range(100 * PARTITIONS))
    purged = {"purged_topics": frozenset({words.source})}
    async with running(words.app(**purged)) as app:
        await words.wait_until_counted()
        monkeypatch.setattr(producers.FencedProducer, "commit", commit_some)
        await words.publish(f"word-{n % 7}" for n in range(100 * PARTITIONS))
        try:
            await stuck.wait()
            await eventually(partial(are_committed, app, 100))
            await app.engine.purge()
            assert await beginnings(words) == [100] * PARTITIONS
        finally:
            enough.set()
    monkeypatch.undo()
    async with running(words.app(**purged)):
        await words.wait_until_counted()
    await words.check_exact()


async def test_only_what_is_ours_is_purged(kafka: EmbeddedKafka, prefix: str) -> None:
    """S18: of a topic that others read as well, nothing is deleted."""
    words = Words(kafka.bootstrap, prefix)
    await words.create_topics()
    await words.publish(f"word-{n % 7}" for n in range(100))
    async with running(words.app()) as app:
        await words.wait_until_counted()
        await app.engine.purge()
    assert await beginnings(words) == [0] * PARTITIONS
