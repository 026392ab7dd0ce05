"""Follows topics from given offsets, committed records only, for as long as it runs.

It knows how fresh it is. A mark is where a partition ended at some moment; once the position has passed the
mark, everything that was committed before that moment has been handed on. So the delay is the age of the
oldest mark passed, whatever stands open in transactions meanwhile, and it grows while no broker answers.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from processor import lean_fetch
from processor.admin import admin_client, kafka_trouble
from processor.errors import KafkaUnavailableError, TopicsError

__all__ = ["Follower", "Handler", "Source", "look_at"]

Handler = Callable[[Sequence[Any]], None]

_FETCH_BYTES = 4 * 1024 * 1024
_FETCH_WAIT_MS = 100
_POLL_MS = 250
_RUN_RECORDS = 4_000  # a few milliseconds of work, in which nothing else is answered
_PATIENCE_S = 90.0  # longer than a dead producer's transaction stands open by our settings (60 s)


class Source:
    """What is to be followed, as it stood before following began.

    Attributes:
        cluster: the cluster's id.
        partitions: all of them.
        beginnings: each partition's first offset.
        ends: each partition's high watermark: where it ended, open transactions included.
    """

    def __init__(
        self, cluster: str, beginnings: dict[TopicPartition, int], ends: dict[TopicPartition, int]
    ) -> None:
        self.cluster = cluster
        self.partitions = sorted(ends)
        self.beginnings = beginnings
        self.ends = ends


async def look_at(topics: Sequence[str], options: Mapping[str, Any]) -> Source:
    """Return where topics begin and end now.

    Args:
        topics: their full names.
        options: what `Settings.kafka_options` returns.

    Raises:
        TopicsError: one is missing, or there is no right to read it.
        KafkaUnavailableError: no broker answers.
    """
    async with admin_client(options) as client:
        leaders = await client.leaders(topics)
        cluster = await client.cluster_id()
    for topic in topics:
        if topic not in leaders:
            raise TopicsError(f"there is no topic {topic}: make it with `fleetfold topics create`")
    partitions = [TopicPartition(topic, number) for topic in topics for number in range(len(leaders[topic]))]
    consumer = AIOKafkaConsumer(**options, isolation_level="read_uncommitted", enable_auto_commit=False)
    try:
        await consumer.start()
        consumer.assign(partitions)  # else the topics' metadata is asked for one after the other
        ends = await consumer.end_offsets(partitions)
        beginnings = await consumer.beginning_offsets(partitions)
    except KafkaError as error:
        raise kafka_trouble(error, options) from error
    finally:
        await consumer.stop()
    return Source(cluster, beginnings, ends)


class Follower:
    """One consumer without a group, and where it stands.

    Args:
        source: what `look_at` returned.
        handlers: for each full topic name, what its runs of records are handed to. It must not await, so
            that rows and offsets always fit together.
        options: what `Settings.kafka_options` returns.

    Attributes:
        offsets: the next offset of each partition; all before it was handed on.
        changed_ms: the time of the newest record that was handed on; 0 before the first.
    """

    def __init__(self, source: Source, handlers: Mapping[str, Handler], options: Mapping[str, Any]) -> None:
        self.offsets: dict[TopicPartition, int] = dict(source.beginnings)
        self.changed_ms = 0
        self._source = source
        self._handlers = handlers
        self._options = options
        self._consumer: Any = None
        self._marks = {tp: (end, 0) for tp, end in source.ends.items()}
        self._passed_ms: dict[TopicPartition, int] = {}
        self._began_ms = _now_ms()

    @property
    def caught_up(self) -> bool:
        """Whether everything has been handed on that was committed before following began."""
        return all(self.offsets[tp] >= end for tp, end in self._source.ends.items())

    @property
    def progress(self) -> float:
        """How much of that has been handed on, from 0 to 1."""
        ends, begin = self._source.ends, self._source.beginnings
        total = sum(end - begin[tp] for tp, end in ends.items())
        done = sum(min(self.offsets[tp], end) - begin[tp] for tp, end in ends.items())
        return done / total if total else 1.0

    @property
    def behind(self) -> int:
        """Offsets between the positions and the ends, as of the last answers of the broker."""
        return sum(max(self._end(tp) - offset, 0) for tp, offset in self.offsets.items())

    @property
    def delay_s(self) -> float:
        """Everything that was committed this long ago or longer has been handed on."""
        now_ms = _now_ms()
        oldest = min((self._passed_ms.get(tp, self._began_ms) for tp in self.offsets), default=now_ms)
        return max(now_ms - oldest, 0) / 1000

    async def start(self, offsets: Mapping[TopicPartition, int] | None = None) -> None:
        """Begin at offsets; without any, at the beginning of each partition.

        Raises:
            KafkaUnavailableError: no broker answers, or reading would start at another place.
        """
        self.offsets |= offsets or {}
        self._consumer = AIOKafkaConsumer(
            **self._options,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",  # what cannot be read from where it should be must be said
            isolation_level="read_committed",
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
        )
        try:
            await self._consumer.start()
            lean_fetch.install(self._consumer)
            self._consumer.assign(self._source.partitions)
            for partition, offset in self.offsets.items():
                self._consumer.seek(partition, offset)
            await self._check_positions()
        except KafkaError as error:
            raise kafka_trouble(error, self._options) from error

    async def _check_positions(self) -> None:
        for partition, offset in self.offsets.items():
            position = await self._consumer.position(partition)
            if position != offset:
                raise KafkaUnavailableError(
                    f"{partition.topic} partition {partition.partition} is read from offset {position} "
                    f"instead of {offset}: try again"
                )

    async def step(self) -> int:
        """Wait a moment for records, hand them on, and return how many they were.

        Raises:
            KafkaUnavailableError: the broker refuses, or what was asked for is not there any more.
        """
        try:
            runs = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_RUN_RECORDS)
            for partition, run in runs.items():
                records = list(run)  # a run can be looped over once
                self._handlers[partition.topic](records)
                if records:
                    self.changed_ms = max(self.changed_ms, records[-1].timestamp)
            for partition in self.offsets:
                self.offsets[partition] = await self._consumer.position(partition)
        except KafkaError as error:
            raise kafka_trouble(error, self._options) from error
        self._pass_marks()
        return sum(map(len, runs.values()))

    def _pass_marks(self) -> None:
        for partition, offset in self.offsets.items():
            end, at_ms = self._marks[partition]
            if offset < end:
                continue
            self._passed_ms[partition] = max(at_ms, self._passed_ms.get(partition, self._began_ms))
            asked_ms = self._consumer.last_poll_timestamp(partition)
            if asked_ms is not None:
                self._marks[partition] = (self._end(partition), asked_ms)
                if offset >= self._marks[partition][0]:
                    self._passed_ms[partition] = max(asked_ms, self._passed_ms[partition])

    def _end(self, partition: TopicPartition) -> int:
        end = self._consumer.highwater(partition) if self._consumer else None
        return max(end or 0, self._source.ends[partition])

    async def catch_up(self, patience_s: float = _PATIENCE_S) -> None:
        """Hand on everything that was committed before following began.

        Args:
            patience_s: how long to wait, without any record, for an open transaction to end.

        Raises:
            KafkaUnavailableError: it does not end, or no broker answers.
        """
        deadline_s = time.monotonic() + patience_s
        while not self.caught_up:
            if await self.step():
                deadline_s = time.monotonic() + patience_s
            elif time.monotonic() > deadline_s:
                raise KafkaUnavailableError(self._stuck(patience_s))
            await asyncio.sleep(0)  # between two runs others have their turn

    def _stuck(self, patience_s: float) -> str:
        tp = next(tp for tp, end in self._source.ends.items() if self.offsets[tp] < end)
        return (
            f"{tp.topic} partition {tp.partition} was not readable up to offset {self._source.ends[tp]} "
            f"within {patience_s:.0f} s: a transaction may stand open; try again when its worker is back"
        )

    async def stop(self) -> None:
        """Close the consumer."""
        if self._consumer is not None:
            await self._consumer.stop()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
