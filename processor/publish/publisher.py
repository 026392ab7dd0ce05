"""A host has at most 32 events on their way, so that a resend always meets the ring of its last event ids.

Events are sent in waves: a wave ends where one of its hosts has 32 events, or where it is large enough, and
the next begins when all of it is acknowledged. Within a wave a partition's events are packed into batches
in their order. Where a spool is given, each wave waits for this machine's turn to send, and what waits in
the spool goes first. The key is the host's id, the partition the default one for that key (murmur2), so
that a host's events meet in one partition; a record's time is the time of publishing, for a broker deletes
by it, and an old event time would have it deleted at once.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from processor.admin import admin_client, kafka_trouble
from processor.errors import FleetfoldError
from processor.publish.encoding import EncodedEvent, encode
from processor.publish.optout import OptedOutError, opted_out
from processor.publish.spool import Spool
from processor.publish.turns import turn
from processor.publish.waves import HOST_UNACKNOWLEDGED_MAX, Wave
from processor.settings import Settings
from schemas import ComponentOutcome
from schemas.topics import OUTCOME_EVENTS

__all__ = [
    "HOST_UNACKNOWLEDGED_MAX",
    "EventPublisher",
    "PublishError",
    "drain_wave",
    "open_publisher",
]

_BATCH_BYTES = 256 * 1024
_POSITIVE = 0x7FFFFFFF
_STOP_S = 2.0


class PublishError(FleetfoldError):
    """Events could not be published: what and where. Those not acknowledged may be sent again."""


class EventPublisher:
    """Publishes events to one topic; `open_publisher` makes it.

    Args:
        producer: an idempotent producer that waits for all replicas.
        topic: the full name of the topic.
        partitions: how many it has.
        cluster_id: the id of its Kafka cluster.
        where: the servers, for messages.
        patience_s: how long a wave may take to be acknowledged, retries included.
        spool: what waits on this machine, to be sent before anything else; what Kafka does not acknowledge
            is put behind it, and that is no error. None: what is not acknowledged is an error.

    Attributes:
        trouble: why events are put into the spool; "" while Kafka acknowledges.
        spooled: how many were.
    """

    def __init__(
        self,
        producer: Any,
        topic: str,
        partitions: int,
        cluster_id: str,
        where: str,
        patience_s: float = 40.0,
        spool: Spool | None = None,
    ) -> None:
        self._producer = producer
        self.topic = topic
        self.cluster_id = cluster_id
        self._where = where
        self._patience_s = patience_s
        self._spool = spool
        self.trouble = ""
        self.spooled = 0
        self._on_way: list[asyncio.Future[Any]] = []
        self._partition_of = lru_cache(maxsize=1 << 17)(lambda key: (murmur2(key) & _POSITIVE) % partitions)

    @property
    def is_settled(self) -> bool:
        """Whether every batch that was sent is acknowledged or refused."""
        return all(future.done() for future in self._on_way)

    async def send_many(self, events: Iterable[ComponentOutcome]) -> int:
        """Publish events in their order, and return how many once all are acknowledged, or spooled.

        Raises:
            PublishError: some are neither.
        """
        return await self.send_encoded(encode(event) for event in events)

    async def send_encoded(
        self, events: Iterable[EncodedEvent], acknowledged: Callable[[int], None] = lambda _count: None
    ) -> int:
        """Publish events that are already encoded, in their order, and return how many.

        Args:
            events: key and value of each.
            acknowledged: called with the number of events of each wave that is acknowledged, or spooled.

        Raises:
            PublishError: some are neither.
        """
        total, wave = 0, Wave()
        taken: list[EncodedEvent] = []
        for event in events:
            if not wave.takes(event.host):
                await self._in_turn(taken)
                total += len(taken)
                acknowledged(len(taken))
                wave, taken = Wave(), []
                wave.takes(event.host)
            taken.append(event)
        if taken:
            await self._in_turn(taken)
            acknowledged(len(taken))
        return total + len(taken)

    async def send_waiting(self) -> None:
        """Send what waits in the spool.

        Raises:
            PublishError: some is not acknowledged, and still waits; or another process keeps the turn.
        """
        if self._spool is None or self._spool.is_empty():
            return
        async with turn(self._spool.path, self._patience_s) as ours:
            if not ours:
                raise PublishError(f"another process of this machine sends: {self._spool.path} is in use")
            while await drain_wave(self._spool, self):
                pass

    async def _in_turn(self, wave: Sequence[EncodedEvent]) -> None:
        """Send a wave when it is this process's turn and nothing waits before it."""
        if self._spool is None:
            await self.send_wave(wave)
            return
        async with turn(self._spool.path, self._patience_s) as ours:
            if not ours:
                raise PublishError(f"another process of this machine sends: {self._spool.path} is in use")
            if not self.trouble:
                try:
                    while await drain_wave(self._spool, self):
                        pass
                    await self.send_wave(wave)
                except PublishError as error:
                    self.trouble = str(error)
                    await _give_up(self._producer)  # what is under way ends with our turn
                else:
                    return
            self._keep(self._spool, wave)

    def _keep(self, spool: Spool, wave: Sequence[EncodedEvent]) -> None:
        """Put a wave that may have arrived behind what waits: it is sent again before anything newer."""
        kept = spool.append(wave)
        self.spooled += kept
        if kept < len(wave):
            raise PublishError(f"{self.trouble}; and the spool {spool.path} is full (FLEETFOLD_SPOOL_MAX_MB)")

    async def send_wave(self, wave: Sequence[EncodedEvent]) -> None:
        """Send events that may be on their way together (see `waves`), and wait until all are acknowledged.

        Raises:
            PublishError: some are not, or may not be.
        """
        waiting = self._on_way = []
        try:
            for partition, batch in self._pack(wave):
                waiting.append(await self._producer.send_batch(batch, self.topic, partition=partition))
        except KafkaError as error:
            raise self._trouble(error) from error
        finally:
            for future in waiting:
                future.add_done_callback(_seen)
        if not waiting:
            return
        # An idempotent producer retries for ever on its own.
        done, late = await asyncio.wait(waiting, timeout=self._patience_s)
        if late:
            raise self._trouble(f"no answer within {self._patience_s:g} s")
        for future in done:
            if (refused := future.exception()) is not None:
                raise self._trouble(refused) from refused

    def _pack(self, wave: Sequence[EncodedEvent]) -> list[tuple[int, Any]]:
        """Return the wave as batches with their partitions; a partition's batches are in order."""
        now_ms = time.time_ns() // 1_000_000
        packed: list[tuple[int, Any]] = []
        filling: dict[int, Any] = {}
        for host, value in wave:
            partition = self._partition_of(host)
            batch = filling.get(partition)
            if batch is None or batch.append(key=host, value=value, timestamp=now_ms) is None:
                batch = filling[partition] = self._producer.create_batch()
                batch.append(key=host, value=value, timestamp=now_ms)
                packed.append((partition, batch))
        for _, batch in packed:
            batch.close()
        return packed

    def _trouble(self, error: BaseException | str) -> PublishError:
        why = str(error) or type(error).__name__
        return PublishError(f"events were not acknowledged by {self.topic} on {self._where}: {why}")


async def drain_wave(spool: Spool, publisher: EventPublisher) -> int:
    """Send the oldest events that wait and forget them; returns how many, 0 when none waits.

    It must be our turn: see `turns`.

    Raises:
        PublishError: some are not acknowledged; all of them still wait.
        SpoolError: the spool cannot be used.
    """
    waiting = spool.first_wave()
    if waiting:
        await publisher.send_wave([one.event for one in waiting])
        spool.remove_to(waiting[-1].seq)
    return len(waiting)


@asynccontextmanager
async def open_publisher(
    settings: Settings, *, spool: Spool | None = None, for_others: bool = False
) -> AsyncIterator[EventPublisher]:
    """Connect to Kafka, check that the topic is there (which must not make it), and yield a publisher.

    Args:
        settings: which Kafka, and how long to wait for it.
        spool: what waits on this machine and is to be sent first, and where what fails is put.
        for_others: whether the events are none of this machine's own, so that its opt-out does not bind.

    Raises:
        OptedOutError: nothing may be published from here.
        KafkaUnavailableError: no broker answers, or it refuses.
        PublishError: there is no topic for outcome events.
    """
    if not for_others and (why := opted_out()) is not None:
        raise OptedOutError(f"nothing is published from here: {why} forbids it")
    options = settings.kafka_options()
    topic = settings.topic(OUTCOME_EVENTS)
    async with admin_client(options) as admin:
        partitions = len((await admin.leaders([topic])).get(topic, ()))
        cluster_id = str((await admin.describe_cluster())["cluster_id"])
    if not partitions:
        raise PublishError(
            f"there is no topic {topic} on {settings.bootstrap}: make it with `fleetfold topics create`"
        )
    producer = AIOKafkaProducer(**options, enable_idempotence=True, acks="all", max_batch_size=_BATCH_BYTES)
    publisher = EventPublisher(
        producer, topic, partitions, cluster_id, settings.bootstrap, settings.request_timeout_s, spool
    )
    try:
        await producer.start()
        yield publisher
    except KafkaError as error:
        raise kafka_trouble(error, options) from error
    finally:
        if not publisher.is_settled:
            await _give_up(producer)
        with suppress(TimeoutError):  # a connection that hangs goes with the process
            async with asyncio.timeout(_STOP_S):
                await producer.stop()


async def _give_up(producer: Any) -> None:
    """End the task that sends: `stop` would wait for ever for what is on its way to a broker that is gone."""
    sender = producer._sender  # noqa: SLF001  # aiokafka has no public way to give up
    if sender is not None and sender.sender_task is not None:
        sender.sender_task.cancel()
        await asyncio.wait([sender.sender_task])


def _seen(future: "asyncio.Future[Any]") -> None:
    """Take note of a failure, so that asyncio does not complain of one that nobody waits for any more."""
    if not future.cancelled():
        future.exception()
