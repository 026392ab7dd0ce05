"""A small application for the engine's tests: it counts words, and knows nothing of outcomes.

Each record of `words` is a word. Its table `word-counts` holds how often each came, by partition; `echo` gets
one record per word read, so that a reader sees whether any was folded twice or not at all.
"""

import asyncio
import contextlib
import gc
from collections import Counter
from collections.abc import AsyncIterator, Iterable

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from processor.engine.app import BatchApp
from processor.engine.batch import Batch
from processor.engine.changelog import read_to_end
from processor.engine.config import EngineConfig
from processor.engine.runner import check_layout
from processor.engine.transaction import Transaction
from tests.waiting import eventually

PARTITIONS = 4


class Words:
    """The topics of one test, and what is in them."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap = bootstrap
        self.source = f"{prefix}words"
        self.counts = f"{prefix}word-counts"
        self.echo = f"{prefix}echo"
        self.checkpoints = f"{prefix}checkpoints"
        self.group = f"{prefix}group"
        self.sent: Counter[bytes] = Counter()

    def config(self, **changes: object) -> EngineConfig:
        """Settings that make a test quick."""
        settings: dict[str, object] = {
            "bootstrap": self.bootstrap,
            "app_id": self.group,
            "checkpoints_topic": self.checkpoints,
            "layout": {"partitions": PARTITIONS},
            "gather_ms": 10,
            "session_timeout_ms": 6_000,
            "heartbeat_interval_ms": 200,
            "request_timeout_ms": 10_000,
            **changes,
        }
        return EngineConfig(**settings)  # type: ignore[arg-type] # a test changes what it likes by name

    def app(self, **changes: object) -> BatchApp:
        """A worker, not yet started."""
        app = BatchApp(self.config(**changes))
        table = app.Table("word-counts", source_topic=self.source, changelog_topic=app.topic(self.counts))

        def count(batch: Batch, transaction: Transaction) -> None:
            rows = table.partition(batch.partition)
            records = list(batch.records)
            words = Counter(record.value for record in records if record.value is not None)
            for word, number in words.items():
                total = b"%d" % (int(rows.get(word, b"0")) + number)
                transaction.put(table, word, total, total)
            for record in records:
                transaction.send(self.echo, batch.partition, None, b"%d" % record.offset)

        app.fold_agent(self.source, count, name="count")
        return app

    async def create_topics(self) -> None:
        """Make the topics."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            compact = {"cleanup.policy": "compact"}
            await admin.create_topics(
                [
                    NewTopic(self.source, PARTITIONS, 1),
                    NewTopic(self.echo, PARTITIONS, 1),
                    NewTopic(self.counts, PARTITIONS, 1, topic_configs=compact),
                    NewTopic(self.checkpoints, PARTITIONS, 1, topic_configs=compact),
                ]
            )
        finally:
            await admin.close()

    async def publish(self, words: Iterable[str]) -> None:
        """Send words, spread over the partitions."""
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap, linger_ms=5) as producer:
            sends = []
            for number, word in enumerate(words):
                value = word.encode()
                self.sent[value] += 1
                sends.append(await producer.send(self.source, value, partition=number % PARTITIONS))
            await asyncio.gather(*sends)

    async def counted(self) -> Counter[bytes]:
        """The table as a reader with `read_committed` sees it, summed over the partitions."""
        rows: dict[tuple[int, bytes], int] = {}
        async for partition, key, value in self._records(self.counts):
            rows[partition, key] = int(value)
        total: Counter[bytes] = Counter()
        for (_, word), number in rows.items():
            total[word] += number
        return total

    async def echoed(self) -> Counter[tuple[int, int]]:
        """How often each record of the source was folded, by partition and offset."""
        return Counter([(partition, int(value)) async for partition, _, value in self._records(self.echo)])

    async def wait_until_counted(self, timeout_s: float = 60) -> None:
        """Wait until as many words are counted as were sent, or more."""

        async def enough() -> bool:
            return (await self.counted()).total() >= self.sent.total()

        await eventually(enough, timeout_s)

    async def check_exact(self) -> None:
        """Assert that each record was folded exactly once, in the table and in the output."""
        assert await self.counted() == self.sent
        echoed = await self.echoed()
        assert set(echoed.values()) == {1}
        assert echoed.total() == self.sent.total()

    async def _records(self, topic: str) -> AsyncIterator[tuple[int, bytes, bytes]]:
        found: list[tuple[int, bytes, bytes]] = []
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        await read_to_end(
            self.config(),
            partitions,
            lambda tp, records: found.extend((tp.partition, r.key or b"", r.value or b"") for r in records),
        )
        for row in found:
            yield row


@contextlib.asynccontextmanager
async def running(app: BatchApp, *, fails: bool = False) -> AsyncIterator[BatchApp]:
    """Run a worker in this event loop; leave by its clean stop. No error passes unseen."""
    await check_layout(app.engine.config)
    await app.start()
    try:
        yield app
    finally:
        await app.stop()
        await app.engine.quiesce()
        await app.engine.close()
    gc.collect()  # what a failed client leaves behind is told now, in this test's log
    assert (app.engine.failure is not None) == fails, app.engine.failure
