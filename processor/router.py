"""The rebuild's router: hands on the whole log in the order of its time, whatever partitions it lies in.

A host's events may lie in several partitions of the log, where publishers do not agree on its place, and a
generation may have another number of partitions. Were each partition read at its own pace, a host's events
would come days apart: failures would be late that were not, and hosts look idle while they send. So one
process reads all partitions, and hands on only what no partition can be before any more.

One transaction holds the events of all partitions, their checkpoints and dead letters, under one
transactional id: whoever starts the router anew shuts out the one before, and goes on where it was.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from processor import lean_fetch
from processor.domain.record import Record
from processor.domain.routing import RoutedEvent
from processor.engine.claims import claiming_producer
from processor.engine.config import EngineConfig
from processor.engine.errors import EngineError, engine_error
from processor.engine.recovery import restore
from processor.engine.transaction import Joint, Transaction
from processor.routes import Routes

__all__ = ["Head", "Router", "in_order", "ready_parts"]

logger = logging.getLogger(__name__)

_RECORDS_MAX = 20_000  # of one partition in memory
_POLL_MS = 200


@dataclass(slots=True)
class Head:
    """What was fetched of one partition and is not handed on yet.

    Attributes:
        records: in offset order, at least one.
        times: for each, the newest record time up to it, in milliseconds since the epoch.
        next_offset: the position behind the last one.
        is_last: whether nothing stood behind them when they were fetched.
    """

    records: list[Record]
    next_offset: int
    is_last: bool
    times: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Let no record go back in time: within its partition the order of offsets is the order."""
        if not self.times:
            self.times = list(accumulate((record.timestamp for record in self.records), max))


def ready_parts(heads: Mapping[TopicPartition, Head]) -> dict[TopicPartition, int]:
    """Return how many records of each partition can be handed on: none of the others can come before them.

    Args:
        heads: of every partition but those that were read to their ends.
    """
    open_ends = [head.times[-1] for head in heads.values() if not head.is_last]
    horizon = min(open_ends, default=None)
    if horizon is None:
        return {source: len(head.records) for source, head in heads.items()}
    return {
        source: count
        for source, head in heads.items()
        if (count := sum(time <= horizon for time in head.times))
    }


class Router:
    """Reads `outcome-events` from where it was, for as long as it runs.

    Args:
        config: the engine's settings of the generation.
        topic: the full name of `outcome-events`.
        partitions: how many it has.
        routes: what becomes of records.
    """

    def __init__(self, config: EngineConfig, topic: str, partitions: int, routes: Routes) -> None:
        self._config = config
        self._sources = [TopicPartition(topic, number) for number in range(partitions)]
        self._routes = routes
        self._records_max = min(_RECORDS_MAX, config.max_batch_records)
        self._heads: dict[TopicPartition, Head] = {}
        self._consumer: Any = None

    async def run(self, stop: asyncio.Event) -> None:
        """Route until told to stop; what is under way then is committed.

        Raises:
            EngineError: something is wrong that a restart may or may not mend (see its exit code).
        """
        producer = claiming_producer(self._config, f"{self._config.app_id}-router")
        stopped = asyncio.create_task(stop.wait())
        try:
            await producer.start()
            restored = await restore(self._config, self._sources, [])
            await self._start(restored.positions)
            commit: asyncio.Task[None] | None = None
            while not stop.is_set():
                transaction = await self._next(stopped)
                if commit is not None:
                    await commit
                    commit = None
                if transaction is not None:
                    commit = asyncio.create_task(producer.commit(transaction))
                    await asyncio.sleep(0)  # it goes out while the next one is made
            if commit is not None:
                await commit
        except KafkaError as error:
            raise engine_error(f"routing: {type(error).__name__}", error) from error
        finally:
            stopped.cancel()
            if self._consumer is not None:
                await self._consumer.stop()
            await producer.stop()

    async def _start(self, positions: Mapping[TopicPartition, int]) -> None:
        config = self._config
        self._consumer = AIOKafkaConsumer(
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=config.fetch_max_wait_ms,
            fetch_max_bytes=config.fetch_max_bytes,
            **config.clients(),
        )
        await self._consumer.start()
        lean_fetch.install(self._consumer)
        self._consumer.assign(self._sources)
        for source, offset in positions.items():
            self._consumer.seek(source, offset)
        for source, offset in positions.items():
            if await self._consumer.position(source) != offset:
                raise EngineError(f"{source.topic}[{source.partition}] would not be read from {offset}")
        logger.info("routing", extra={"from": {str(tp.partition): at for tp, at in positions.items()}})

    async def _next(self, stopped: asyncio.Task[Any]) -> Joint | None:
        """Return what is to be committed next; None if there is nothing for now."""
        if not await self._fill(stopped):
            return None
        return self._fold(ready_parts(self._heads))

    async def _fill(self, stopped: asyncio.Task[Any]) -> bool:
        """Fetch from partitions of which nothing is in hand; return whether records can be handed on now."""
        blank = [source for source in self._sources if source not in self._heads]
        if not blank:
            return True
        waits = not self._heads or not await self._all_at_end(blank)
        fetch = asyncio.ensure_future(
            self._consumer.getmany(
                *blank, timeout_ms=_POLL_MS if waits else 0, max_records=self._records_max * len(blank)
            )
        )
        await asyncio.wait((fetch, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not fetch.done():
            fetch.cancel()
            with suppress(asyncio.CancelledError):
                await fetch
            return False
        for source, run in fetch.result().items():
            position = await self._consumer.position(source)
            self._heads[source] = Head(list(run), position, self._is_at_end(source, position))
        return bool(self._heads) and await self._all_at_end(
            [source for source in blank if source not in self._heads]
        )

    async def _all_at_end(self, sources: list[TopicPartition]) -> bool:
        return all([self._is_at_end(each, await self._consumer.position(each)) for each in sources])

    def _is_at_end(self, source: TopicPartition, position: int) -> bool:
        stable = self._consumer.last_stable_offset(source)
        return stable is not None and 0 <= stable <= position

    def _fold(self, counts: Mapping[TopicPartition, int]) -> Joint:
        """Take records off the heads, and return the transaction that hands them on."""
        positions: dict[TopicPartition, int] = {}
        parts: dict[TopicPartition, list[Record]] = {}
        for source, count in counts.items():
            head = self._heads.pop(source)
            parts[source] = head.records[:count]
            if count < len(head.records):
                rest = head.records[count:]
                self._heads[source] = Head(rest, head.next_offset, head.is_last, head.times[count:])
                positions[source] = rest[0].offset
            else:
                positions[source] = head.next_offset
        first = next(iter(positions))
        transaction = Transaction(first, positions[first])
        lists = [self._routes.take(source, records, transaction) for source, records in parts.items()]
        self._routes.write(in_order(lists), transaction)
        return Joint(positions, transaction.outputs, transaction.timestamp_ms)


def in_order(lists: list[list[RoutedEvent]]) -> list[RoutedEvent]:
    """Return events by record time; those of one list stay in their order."""
    if len(lists) == 1:
        return lists[0]
    times = [time for each in lists for time in accumulate((record[-1] for _, record in each), max)]
    events = [event for each in lists for event in each]
    return [events[place] for place in sorted(range(len(events)), key=times.__getitem__)]
