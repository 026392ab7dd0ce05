"""Decides which partitions are fetched now: those at a low rate at ticks, the others ahead of the fold."""

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
        ownership: the partitions.
    """

    def __init__(self, config: EngineConfig, ownership: Ownership) -> None:
        self.gate: FetchGate | None = None
        self.became_idle = asyncio.Event()
        self._config = config
        self._ownership = ownership
        self._asked: set[TopicPartition] = set()
        self._settling: set[TopicPartition] = set()

    def admits(self, source: TopicPartition) -> bool:
        """Whether a partition may be fetched now.

        One whose last batch was large is fetched ahead, while that is folded and committed. Others are asked
        for once between two ticks, and not while a small batch is committed: what that writes is fetched with
        the rest of what there is by then.
        """
        ownership = self._ownership
        if source in ownership.ahead or not ownership.folding:
            return ownership.folding
        return not self._settling and source not in self._asked and ownership.is_idle(source)

    def asked(self, sources: list[TopicPartition]) -> None:
        """A fetch goes out: those at a low rate are asked for again at their next tick."""
        loop = asyncio.get_running_loop()
        between_s = tick_s(self._config.gather_ms / 1000, len(self._ownership.positions))
        slow = set(sources) - self._ownership.ahead
        inner = {source for source in slow if source.topic in self._config.purged_topics}
        for part, is_inner in ((slow - inner, False), (inner, True)):
            if part:
                self._asked |= part
                loop.call_at(rest_until_s(loop.time(), between_s, is_inner=is_inner), self._ask_again, part)

    def folded(self, batch: Batch) -> None:
        """A batch was folded, and its commit begins."""
        if len(batch.records) < SMALL_RECORDS:
            self._ownership.ahead.discard(batch.source)
            self._settling.add(batch.source)
        else:
            self._ownership.ahead.add(batch.source)

    def committed(self, source: TopicPartition) -> None:
        """A batch is committed; what it wrote can be seen a moment later."""
        if source in self._settling:
            asyncio.get_running_loop().call_later(SETTLE_S, self._end_settling, source)

    def resume(self) -> None:
        """Folding begins again, with all partitions free."""
        self._settling.clear()
        self._asked.clear()
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

    def _ask_again(self, sources: set[TopicPartition]) -> None:
        self._asked -= sources
        self.look_again()
