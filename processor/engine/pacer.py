"""Decides which partitions are fetched now: those at a low rate rest until a tick, others are fetched ahead."""

import asyncio
from typing import TYPE_CHECKING

from aiokafka import TopicPartition

from processor.engine.batch import Batch
from processor.engine.config import EngineConfig
from processor.engine.ownership import Ownership
from processor.engine.pace import SETTLE_S, SMALL_RECORDS, rest_until_s, tick_s

if TYPE_CHECKING:
    from processor.engine.fetchgate import FetchGate

__all__ = ["Pacer"]


class Pacer:
    """Keeps a worker's fetches worth their transactions.

    Args:
        config: the engine's settings.
        ownership: the partitions; what rests is noted there.
    """

    def __init__(self, config: EngineConfig, ownership: Ownership) -> None:
        self.gate: FetchGate | None = None
        self.became_idle = asyncio.Event()
        self._config = config
        self._ownership = ownership
        self._settling: set[TopicPartition] = set()

    def admits(self, source: TopicPartition) -> bool:
        """Whether a partition may be fetched now.

        One whose last batch was large is fetched ahead, while that is folded and committed. Others are not
        while a small batch is committed: what it writes is fetched with the rest of what there is by then.
        """
        ownership = self._ownership
        if source in ownership.ahead or not ownership.folding:
            return ownership.folding
        return not self._settling and ownership.is_idle(source)

    def folded(self, batch: Batch) -> None:
        """A batch was folded, and its commit begins."""
        if len(batch.records) < SMALL_RECORDS:
            self._ownership.ahead.discard(batch.source)
            self._settling.add(batch.source)
        else:
            self._ownership.ahead.add(batch.source)

    def committed(self, source: TopicPartition, folded_s: float) -> None:
        """A batch that was folded at this time of the loop's clock is committed; after a small one comes a rest."""
        if source not in self._settling:
            return
        loop = asyncio.get_running_loop()
        loop.call_later(SETTLE_S, self._end_settling, source)
        between_s = tick_s(self._config.gather_ms / 1000, len(self._ownership.positions))
        is_inner = source.topic in self._config.purged_topics
        until_s = rest_until_s(folded_s, between_s, is_inner=is_inner)
        if until_s > loop.time():
            self._ownership.resting.add(source)
            loop.call_at(until_s, self._end_rest, source)

    def resume(self) -> None:
        """Folding begins again, with all partitions free."""
        self._settling.clear()
        self._ownership.resume()
        self.look_again()

    def look_again(self) -> None:
        """A partition may be fetched that might not before, or is free to be folded again."""
        self.became_idle.set()
        if self.gate is not None:
            self.gate.changed()

    def _end_settling(self, source: TopicPartition) -> None:
        self._settling.discard(source)
        self.look_again()

    def _end_rest(self, source: TopicPartition) -> None:
        self._ownership.resting.discard(source)
        self.look_again()
