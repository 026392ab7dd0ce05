"""One generation's rows, and what reads and follows them."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from processor.errors import TopicsError
from processor.serve.answers import Answers
from processor.serve.follower import Follower, Handler, look_at
from processor.serve.pipeline import Pipeline
from processor.serve.restart import begin_from, save
from processor.serve.snapshot import Head
from processor.settings import Settings
from schemas.topics import (
    CHECKPOINTS,
    CO_FAILURES,
    COMPONENT_DELTAS,
    COMPONENT_HISTORY,
    COMPONENT_STATS,
    FLEET_TOTALS,
    HOST_LEDGER,
    OUTCOME_EVENTS,
    OVERRIDES,
    PAIR_DELTAS,
    ROUTED_EVENTS,
    VERDICTS,
)

__all__ = ["Load"]

logger = logging.getLogger(__name__)

_RESULTS = (COMPONENT_STATS, CO_FAILURES)


class Load:
    """A generation on its way into memory, and kept up there.

    Args:
        settings: which generation, and how to reach it.
        answers: where the rows go.
        more: read failure sessions, verdicts, overrides, totals and the workers' checkpoints as well.
        beside: other topics to follow, with what their records are handed to.

    Attributes:
        cluster: the id of the cluster; empty before `start`.
        follower: reads the rows; None before `start`.
        pipeline: how the workers are doing; None unless there is `more`, and the right to know.
    """

    def __init__(
        self, settings: Settings, answers: Answers, *, more: bool, beside: Mapping[str, Handler]
    ) -> None:
        self.settings = settings
        self.answers = answers
        self.follower: Follower | None = None
        self.pipeline: Pipeline | None = None
        self._more = more
        self._beside = beside
        self._results = [*_RESULTS, COMPONENT_HISTORY] if answers.days is not None else [*_RESULTS]
        self._options = settings.kafka_options()
        self.cluster = ""

    @property
    def generation(self) -> int:
        """Its number."""
        return self.settings.generation or 1

    async def start(self, snapshot_path: Path | None = None) -> Follower:
        """Look at the topics, begin with the snapshot if there is one, and start to follow.

        Raises:
            TopicsError: a topic is missing, or there is no right to read it.
            KafkaUnavailableError: no broker answers.
        """
        topic, answers = self.settings.topic, self.answers
        handlers: dict[str, Handler] = {
            topic(COMPONENT_STATS): answers.take_stats,
            topic(CO_FAILURES): answers.take_pairs,
        }
        if answers.days is not None:
            handlers[topic(COMPONENT_HISTORY)] = answers.take_history
        if self._more:
            handlers[topic(HOST_LEDGER)] = answers.take_sessions
            handlers[topic(VERDICTS)] = answers.take_verdicts
            handlers[topic(OVERRIDES)] = answers.take_overrides
            handlers[topic(FLEET_TOTALS)] = answers.take_totals
            self.pipeline = await self._find_pipeline()
        if self.pipeline is not None:
            handlers[topic(CHECKPOINTS)] = self.pipeline.put
        handlers |= self._beside
        source = await look_at(list(handlers), self._options)
        self.cluster = source.cluster
        offsets = {}
        if snapshot_path is not None:
            offsets = await begin_from(snapshot_path, source, self._topics(), self._options, answers)
        self.follower = Follower(source, handlers, self._options)
        await self.follower.start(offsets)
        return self.follower

    def _topics(self) -> list[str]:
        """Return the full names of the topics whose rows a snapshot holds."""
        return [self.settings.topic(name) for name in self._results]

    async def _find_pipeline(self) -> Pipeline | None:
        """Return how the workers can be watched; None, and a word, where we have no right to."""
        names: Sequence[str] = (CHECKPOINTS, OUTCOME_EVENTS, COMPONENT_DELTAS, PAIR_DELTAS)
        if self.generation > 1:
            names = (*names, ROUTED_EVENTS)
        topics = [self.settings.topic(name) for name in names]
        try:
            found = await look_at(topics, self._options)
        except TopicsError as error:
            logger.warning("how the workers are doing is not known: %s", error)
            return None
        return Pipeline({tp: offset for tp, offset in found.beginnings.items() if tp.topic != topics[0]})

    def offsets(self) -> dict[str, list[int]]:
        """Return for each full topic name of the generation the next offset of each partition."""
        if self.follower is None:
            return {}
        own = {tp: offset for tp, offset in self.follower.offsets.items() if tp.topic not in self._beside}
        return Head.of(self.cluster, own, 0).offsets

    async def save(self, path: Path) -> None:
        """Write a snapshot to a file, once all rows are here.

        Raises:
            OSError: it cannot be written.
        """
        if self.follower is None:
            return
        results = set(self._topics())
        offsets = {tp: offset for tp, offset in self.follower.offsets.items() if tp.topic in results}
        await save(path, Head.of(self.cluster, offsets, self.follower.delay_s), self.answers)

    def watching(self) -> Any:
        """Return what keeps the pipeline's ends up, to be run; None without a pipeline."""
        return None if self.pipeline is None else self.pipeline.watch_ends(self._options)

    async def stop(self) -> None:
        """Close the consumer; the rows stay."""
        if self.follower is not None:
            await self.follower.stop()
