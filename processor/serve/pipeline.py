"""How the workers are doing, as anybody can see who reads `checkpoints`: how much they still have to fold.

A checkpoint says up to where a source partition is folded; the source's end says up to where it is written.
Work that waits while no checkpoint moves is a pipeline that stands still.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, TypedDict

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

__all__ = ["Pipeline", "PipelineReport", "State"]

State = Literal["idle", "folding", "standing", "unknown"]

_LOOK_EVERY_S = 2.0
_STANDS_AFTER_S = 30.0


class PipelineReport(TypedDict):
    """What is known of the workers.

    `state`: idle (nothing to fold), folding, standing (work waits and nothing moved for 30 s), unknown (the
    broker has not said where the topics end). `lag`: offsets still to be folded, by source topic.
    """

    state: State
    lag: dict[str, int]
    moved_s: float | None


class Pipeline:
    """Checkpoints beside the ends of what they count.

    Args:
        beginnings: the first offset of each source partition.
    """

    def __init__(self, beginnings: Mapping[TopicPartition, int]) -> None:
        self._folded = dict(beginnings)
        self._ends: dict[TopicPartition, int] = {}
        self._moved_s = time.monotonic()
        self._asked = asyncio.Event()

    async def known(self) -> None:
        """Return once the broker was asked for the ends, `watch_ends` being under way."""
        await self._asked.wait()

    def put(self, records: Sequence[Any]) -> None:
        """Take in a run of records of `checkpoints`."""
        for record in records:
            try:
                topic, partition = orjson.loads(record.key or b"")
                offset = orjson.loads(record.value or b"")["offset"]
                source = TopicPartition(topic, partition)
                moved = self._folded.get(source, offset) != offset
            except (ValueError, KeyError, TypeError):
                continue  # the layout's record, and whatever a newer worker may write
            if moved:
                self._folded[source] = offset
                self._moved_s = time.monotonic()

    def report(self) -> PipelineReport:
        """Return how things stand."""
        lag: dict[str, int] = {}
        for source, end in self._ends.items():
            lag[source.topic] = lag.get(source.topic, 0) + max(end - self._folded[source], 0)
        idle_s = time.monotonic() - self._moved_s
        if not lag:
            return {"state": "unknown", "lag": lag, "moved_s": None}
        if not any(lag.values()):
            return {"state": "idle", "lag": lag, "moved_s": round(idle_s, 3)}
        state: State = "folding" if idle_s < _STANDS_AFTER_S else "standing"
        return {"state": state, "lag": lag, "moved_s": round(idle_s, 3)}

    async def watch_ends(self, options: Mapping[str, Any]) -> None:
        """Ask the broker for the ends again and again, until cancelled.

        While it does not answer, the ends are unknown: what was true a minute ago is no answer.
        """
        while True:
            with suppress(KafkaError):
                await self._ask_for_ends(options)
            self._ends = {}
            self._asked.set()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _ask_for_ends(self, options: Mapping[str, Any]) -> None:
        consumer = AIOKafkaConsumer(**options, isolation_level="read_uncommitted", enable_auto_commit=False)
        sources = list(self._folded)
        try:
            await consumer.start()
            consumer.assign(sources)
            consumer.pause(*sources)  # only the ends are wanted
            while True:
                self._ends_are(await consumer.end_offsets(sources))
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            await consumer.stop()

    def _ends_are(self, ends: Mapping[TopicPartition, int]) -> None:
        if all(self._folded[source] >= end for source, end in self._ends.items()):
            self._moved_s = time.monotonic()  # the wait begins when there is something to wait for
        self._ends = dict(ends)
        self._asked.set()
