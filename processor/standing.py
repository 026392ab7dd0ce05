"""How far a generation has folded the log, seen from outside: its group's offsets beside the topics' ends.

What is folded passes from topic to topic. So the ends are looked at stage by stage: once all that stood on
one topic is folded, what came of it stands on the next. An end is a moment's; under load it moves on. Markers
take offsets too, and are never folded: only data after an offset counts as not folded.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
)

from processor.admin import AdminClient, admin_client, kafka_trouble
from processor.errors import TopicsError
from processor.settings import Settings
from schemas.topics import COMPONENT_DELTAS, OUTCOME_EVENTS, PAIR_DELTAS, ROUTED_EVENTS

__all__ = ["Progress", "Standing", "standing"]

_READ_WAIT_MS = 100
_LOOK_EVERY_S = 0.25
_NOT_YET = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)

Offsets = Mapping[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of the log is folded: offsets, markers among them."""

    done: int
    total: int


class Standing:
    """Looks at one generation.

    Args:
        group: its consumer group.
        stages: its source partitions, in the order in which events pass them.
        client: for the group's offsets.
        unstable: a consumer that sees where the topics end, open transactions included.
        stable: one that sees what is committed.
    """

    def __init__(
        self,
        group: str,
        stages: Sequence[Sequence[TopicPartition]],
        client: AdminClient,
        unstable: Any,
        stable: Any,
    ) -> None:
        self._group = group
        self._stages = stages
        self._client = client
        self._unstable = unstable
        self._stable = stable

    @property
    def partitions(self) -> int:
        """How many partitions the generation's own topics have."""
        return len({each.partition for each in self._stages[-1]})

    async def folded(self, patience_s: float) -> bool:
        """Return whether all that stands on the log now is folded before patience ends."""
        deadline_s = time.monotonic() + patience_s
        for sources in self._stages:
            ends = await self._unstable.end_offsets(sources)
            while not await self._passed(ends):
                if time.monotonic() >= deadline_s:
                    return False
                await asyncio.sleep(_LOOK_EVERY_S)
        return True

    async def progress(self) -> Progress:
        """Return how much of what stands on the log now has passed the first stages."""
        first, second = self._stages[0], self._stages[1]
        begins = await self._unstable.beginning_offsets(first)
        ends = await self._unstable.end_offsets([*first, *second])
        at = await self._committed([*first, *second])
        total = sum(ends[each] - begins[each] for each in first)
        done = sum(max(at[each] - begins[each], 0) for each in first)
        waiting = 0
        if second[0].topic.endswith(ROUTED_EVENTS):  # what is routed is not folded yet
            begins = await self._unstable.beginning_offsets(second)
            waiting = sum(ends[each] - max(at[each], begins[each]) for each in second)
        return Progress(max(done - waiting, 0), total)

    async def lag(self) -> dict[str, int]:
        """Return by topic how many offsets are not folded; markers are among them."""
        every = [each for sources in self._stages for each in sources]
        begins = await self._unstable.beginning_offsets(every)
        ends, at = await self._unstable.end_offsets(every), await self._committed(every)
        lag: dict[str, int] = {}
        for each in every:
            lag[each.topic] = lag.get(each.topic, 0) + max(ends[each] - max(at[each], begins[each]), 0)
        return lag

    async def _committed(self, sources: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        try:
            found: Mapping[TopicPartition, Any] = await self._client.list_consumer_group_offsets(self._group)
        except _NOT_YET:
            found = {}
        return {each: max(found[each].offset, 0) if each in found else 0 for each in sources}

    async def _passed(self, ends: Offsets) -> bool:
        """Tell whether no data stands between the group's offsets and these ends."""
        begins = await self._stable.beginning_offsets(list(ends))
        at = {each: max(offset, begins[each]) for each, offset in (await self._committed(ends)).items()}
        behind = [each for each, end in ends.items() if at[each] < end]
        if not behind:
            return True
        self._stable.assign(behind)
        for each in behind:
            self._stable.seek(each, at[each])
        for each in behind:
            while await self._stable.position(each) < ends[each]:
                position = await self._stable.position(each)
                if await self._stable.getmany(each, timeout_ms=_READ_WAIT_MS, max_records=1):
                    return False
                if await self._stable.position(each) == position:
                    return False  # a transaction is open
        return True


@asynccontextmanager
async def standing(settings: Settings) -> AsyncIterator[Standing]:
    """Yield what looks at the settings' generation.

    Raises:
        TopicsError: one of its topics is missing.
        KafkaUnavailableError: no broker answers.
    """
    options = settings.kafka_options()
    names = [[OUTCOME_EVENTS], [COMPONENT_DELTAS, PAIR_DELTAS]]
    if settings.generation > 1:
        names.insert(1, [ROUTED_EVENTS])
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(admin_client(options))
        leaders = await client.leaders([settings.topic(name) for stage in names for name in stage])
        stages = []
        for stage in names:
            topics = [settings.topic(name) for name in stage]
            for topic in topics:
                if topic not in leaders:
                    raise TopicsError(f"there is no topic {topic}: is there such a generation?")
            stages.append([TopicPartition(t, number) for t in topics for number in range(len(leaders[t]))])
        unstable = await _consumer(stack, options, "read_uncommitted")
        unstable.assign([each for stage in stages for each in stage])
        unstable.pause(*unstable.assignment())  # only the ends are wanted
        stable = await _consumer(stack, options, "read_committed")
        try:
            yield Standing(settings.group, stages, client, unstable, stable)
        except KafkaError as error:
            raise kafka_trouble(error, options) from error


async def _consumer(stack: AsyncExitStack, options: Mapping[str, Any], isolation_level: str) -> Any:
    consumer = AIOKafkaConsumer(
        **options,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level=isolation_level,
        fetch_max_wait_ms=_READ_WAIT_MS,
    )

    async def stop() -> None:
        with suppress(KafkaError):
            await consumer.stop()

    stack.push_async_callback(stop)
    try:
        await consumer.start()
        await asyncio.sleep(0)  # aiokafka's own tasks begin: one that is stopped before would raise
    except KafkaError as error:
        raise kafka_trouble(error, options) from error
    return consumer
