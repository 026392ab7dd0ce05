"""A Faust transport that delivers batches: each fetched run of one partition is one Faust message.

Faust spends about 100 us on each message; a batch pays that once. The consumer runs in the application's own
event loop: Faust's second thread would only take turns with the fold for the interpreter lock.

Hooks that this uses, each held by tests/unit/test_engine_hooks.py: the registry of transports by URL scheme,
`Transport.Consumer`, `Consumer.getmany/commit/wait_empty`, and `App._on_partitions_*` as callbacks.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import aiokafka.abc
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.transport import base
from faust.transport.consumer import Consumer as FaustConsumer
from faust.transport.consumer import ensure_TPset
from faust.transport.drivers import TRANSPORTS
from faust.types import TP, ConsumerMessage

from processor import lean_fetch
from processor.engine.batch import Batch
from processor.engine.fetchgate import FetchGate

if TYPE_CHECKING:
    from processor.engine.engine import Engine

__all__ = ["SCHEME", "BatchConsumer", "Transport"]

Runs = Mapping[TopicPartition, lean_fetch.Run]

SCHEME = "batches"
WATCH_INTERVAL_S = 0.5
POLL_INTERVAL_MAX_MS = 24 * 3_600_000  # the group must not drop a worker that is restoring a large state


class RebalanceListener(aiokafka.abc.ConsumerRebalanceListener):
    """Tells Faust what the group coordinator tells aiokafka."""

    def __init__(self, consumer: "BatchConsumer") -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called before the worker rejoins the group; returns once nothing is in hand."""
        self._consumer.app.on_rebalance_start()
        await self._consumer.on_partitions_revoked(ensure_TPset(revoked))

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called with the new assignment."""
        consumer = self._consumer
        generation = consumer.engine.note_membership(consumer.kafka)
        consumer.app.consumer_generation_id = generation
        await consumer.on_partitions_assigned(ensure_TPset(assigned), generation)


class BatchConsumer(FaustConsumer):
    """Delivers batches, and leaves offsets to the engine."""

    consumer_stopped_errors = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.engine: Engine = self.app.engine
        self._kafka: AIOKafkaConsumer | None = None
        self._watching: asyncio.Task[None] | None = None
        self._fetching: asyncio.Future[Runs] | None = None

    @property
    def kafka(self) -> AIOKafkaConsumer:
        """The aiokafka consumer, once started."""
        assert self._kafka is not None, "the consumer is not started"  # noqa: S101 -- a bug of ours, not input
        return self._kafka

    async def on_start(self) -> None:
        """Connect."""
        config = self.engine.config
        self._kafka = AIOKafkaConsumer(
            group_id=config.app_id,
            partition_assignment_strategy=[self.app.assignor],
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",  # no silent reset: every position is sought by its number
            fetch_min_bytes=config.fetch_min_bytes,
            fetch_max_wait_ms=config.fetch_max_wait_ms,
            fetch_max_bytes=config.fetch_max_bytes,
            max_partition_fetch_bytes=config.fetch_max_bytes,
            session_timeout_ms=config.session_timeout_ms,
            heartbeat_interval_ms=config.heartbeat_interval_ms,
            rebalance_timeout_ms=config.rebalance_timeout_ms,
            max_poll_interval_ms=POLL_INTERVAL_MAX_MS,
            **config.clients(),
        )
        await self._kafka.start()
        lean_fetch.install(self._kafka)
        self.engine.pacer.gate = FetchGate(self._kafka, self.engine.pacer.admits, self.engine.pacer.asked)

    async def _watch(self) -> None:
        """End the worker when the group's coordination fails.

        aiokafka keeps such an error until somebody fetches, and coordinates no further before. While nothing
        is assigned nobody fetches, and the worker would wait for ever.
        """
        coordinator: Any = self.kafka._coordinator  # noqa: SLF001 -- aiokafka has no public way to ask
        try:
            while True:
                coordinator.check_errors()
                await asyncio.sleep(WATCH_INTERVAL_S)
        except Exception as error:  # noqa: BLE001 -- not swallowed: it ends the worker, with this as the reason
            self.engine.fail(error)

    async def on_stop(self) -> None:
        """Finish what is in hand, then leave the group."""
        if self._watching is not None:
            self._watching.cancel()
        await self.wait_empty()
        if self._kafka is not None:
            await self._kafka.stop()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109 -- Faust's signature
        """Yield one message per partition that has records and no batch on its way through.

        Args:
            timeout: how long to wait for records (seconds).
        """
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
            return
        ownership = self.engine.ownership
        try:
            batches = await self._fetch(timeout)
        except Exception as error:
            self.engine.fail(error)
            raise
        for batch in batches:
            if batch.epoch != ownership.epoch:
                return  # a revocation came while the batches before were delivered
            tp = TP(*batch.source)
            yield tp, self._to_message(tp, batch)

    async def _fetch(self, timeout_s: float) -> list[Batch]:
        """Fetch from idle partitions; return early, with nothing, when another one becomes idle."""
        engine = self.engine
        ownership = engine.ownership
        engine.pacer.became_idle.clear()
        epoch, idle = ownership.epoch, ownership.idle()
        for source in idle:
            ownership.check(source, await self.kafka.position(source))
        wake = asyncio.ensure_future(engine.pacer.became_idle.wait())
        fetch = self._fetching = asyncio.ensure_future(self._records(idle, timeout_s))
        try:
            await asyncio.wait((wake, fetch), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            wake.cancel()
            fetch.cancel()
        # A fetch that is cut off has taken no records: aiokafka takes them in the step in which it returns.
        await asyncio.wait((fetch,))
        runs = {} if fetch.cancelled() else fetch.result()
        if epoch != ownership.epoch:
            return []
        batches = []
        for source in idle:
            begin, end = ownership.positions[source], await self.kafka.position(source)
            if source in runs:
                run = runs[source]
                batches.append(Batch(source, run, begin, end, epoch, run.first.timestamp))
            else:
                ownership.skip(source, end)
        return batches

    async def _records(
        self, idle: list[TopicPartition], timeout_s: float
    ) -> Mapping[TopicPartition, lean_fetch.Run]:
        if not idle:
            return await asyncio.sleep(timeout_s, {})
        limit = self.engine.config.max_batch_records
        runs: Runs
        runs = await self.kafka.getmany(*idle, timeout_ms=int(timeout_s * 1000), max_records=limit)
        # In this step, before the client looks what to fetch next: it would fetch the little that came since.
        self.engine.ownership.busy.update(runs)
        return runs

    def _to_message(self, tp: TP, batch: Batch) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            batch.next_offset - 1,
            batch.oldest_ms / 1000.0,
            0,
            (),
            None,
            batch,
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002 -- Faust's signature
        """Do nothing: offsets are committed with their batch's transaction."""
        return False

    async def wait_empty(self) -> None:
        """Wait until nothing is in hand; called on revocation and on stop.

        A fetch that outlived the revocation would take records after the seek that follows, and lose them.
        """
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait((self._fetching,))
        await self.engine.quiesce()

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group for these topics."""
        self.kafka.subscribe(topics=list(topics), listener=RebalanceListener(self))
        self._watching = asyncio.create_task(self._watch())

    def assignment(self) -> set[TP]:
        """The partitions that the group gave to this worker."""
        return ensure_TPset(self._kafka.assignment()) if self._kafka is not None else set()

    async def _seek(self, partition: TP, offset: int) -> None:
        self.kafka.seek(TopicPartition(*partition), offset)

    async def perform_seek(self) -> None:
        """Do nothing: recovery seeks."""

    async def create_topic(self, topic: str, *args: Any, **kwargs: Any) -> None:
        """Refuse: topics are made with the right settings beforehand."""
        raise NotImplementedError(f"topic {topic}: the engine creates no topics")

    def close(self) -> None:
        """Nothing to do: `on_stop` closes."""

    # Faust's interface asks for these; the engine reads offsets itself, so nothing calls them.

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        raise NotImplementedError(offsets)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Not used."""
        raise NotImplementedError

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Not used."""
        raise NotImplementedError(partitions)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109 -- Faust's signature
        raise NotImplementedError(active_partitions, timeout)

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    def highwater(self, tp: TP) -> int:
        """Not used."""
        raise NotImplementedError(tp)

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Not used."""
        raise NotImplementedError(partitions)

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Not used."""
        raise NotImplementedError(partitions)

    async def position(self, tp: TP) -> int | None:
        """Not used."""
        raise NotImplementedError(tp)

    def topic_partitions(self, topic: str) -> int | None:
        """Not used."""
        raise NotImplementedError(topic)

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Not used."""
        raise NotImplementedError(topic, key, partition)


class Transport(base.Transport):
    """The transport of `batches://host:port` URLs."""

    Consumer = BatchConsumer
    default_port = 9092
    driver_version = "batches"


TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"
