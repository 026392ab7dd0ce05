"""The benchmark's topics: making them, clearing them for another round, and reading back what was counted."""

import asyncio
from collections.abc import Iterable, Sequence

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from processor.app import engine_config
from processor.engine.batch import FetchedRecord
from processor.engine.changelog import read_to_end
from processor.settings import Settings
from processor.topics import create
from schemas.topics import COMPONENT_STATS, OUTCOME_EVENTS, TOPICS
from tests.waiting import eventually

__all__ = ["clear_results", "counted_by_quix", "counted_in_stats", "make"]

COUNTERS = ("install_successes", "install_failures", "usage_count", "removal_count")


def make(settings: Settings) -> None:
    """Create the topics that are missing."""
    asyncio.run(create(settings))


def clear_results(settings: Settings) -> None:
    """Delete and make anew every topic but the events': the next round starts from nothing."""
    names = [settings.topic(spec.name) for spec in TOPICS if spec.name != OUTCOME_EVENTS]
    asyncio.run(_clear(settings, names))


async def _clear(settings: Settings, names: list[str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics(names)

        async def gone() -> bool:
            return not set(names) & set(await admin.list_topics())

        await eventually(gone)
    finally:
        await admin.close()
    await create(settings)


def counted_in_stats(settings: Settings) -> int:
    """How many events stand in `component-stats`, as any reader sees it."""
    return asyncio.run(_counted(settings, [settings.topic(COMPONENT_STATS)]))


def counted_by_quix(settings: Settings, group: str) -> int:
    """How many events stand in the changelogs of Quix's state; they have as many partitions as its source."""
    return asyncio.run(_counted(settings, asyncio.run(_changelogs(settings.bootstrap, group))))


async def _changelogs(bootstrap: str, group: str) -> list[str]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        return [name for name in await consumer.topics() if name.startswith(f"changelog__{group}--")]


async def _counted(settings: Settings, topics: Iterable[str]) -> int:
    """The sum of all counters of some compacted topics' last values.

    Read to the high watermark: right after a commit its markers may still be on their way, and what a
    `read_committed` reader calls the end lies before them.
    """
    last: dict[tuple[TopicPartition, bytes], bytes | None] = {}
    partitions = [TopicPartition(topic, number) for topic in topics for number in range(settings.partitions)]

    def on_records(tp: TopicPartition, records: Sequence[FetchedRecord]) -> None:
        last.update({(tp, record.key or b""): record.value for record in records})

    await read_to_end(engine_config(settings), partitions, on_records)
    rows = (orjson.loads(value) for value in last.values() if value is not None)
    return sum(int(row.get(name, 0)) for row in rows if isinstance(row, dict) for name in COUNTERS)
