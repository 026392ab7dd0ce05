"""The live answers in memory: what the result topics say, a moment after they say it.

    view = await OutcomeView.open("127.0.0.1:9092")
    view.success_rate("pkg:pypi/ruff")

A lookup is a look into a dictionary. Only committed rows are ever seen. When following ends in an error, the
view says so (`error`), and `watch` raises it; what was read stays readable, and its delay grows.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from processor.errors import FleetfoldError, TopicsError
from processor.serve.answers import Answers
from processor.serve.changes import Change
from processor.serve.follower import Follower, Handler, look_at
from processor.serve.pipeline import Pipeline
from processor.serve.restart import begin_from, save
from processor.serve.snapshot import Head
from processor.settings import Settings, load_settings
from schemas.topics import (
    CHECKPOINTS,
    CO_FAILURES,
    COMPONENT_DELTAS,
    COMPONENT_HISTORY,
    COMPONENT_STATS,
    HOST_LEDGER,
    OUTCOME_EVENTS,
    PAIR_DELTAS,
)

__all__ = ["AsOf", "OutcomeView"]

logger = logging.getLogger(__name__)

_RESULTS = (COMPONENT_STATS, CO_FAILURES)


@dataclass(frozen=True, slots=True)
class AsOf:
    """How fresh a view is.

    Attributes:
        offsets: for each full topic name, the next offset of each partition.
        behind: offsets between there and the topics' ends; markers of transactions are among them.
        delay_s: everything that was committed this long ago or longer is in the view.
        changed_ms: the record time of the newest row, in milliseconds since the epoch; 0 if there is none.
    """

    offsets: dict[str, list[int]]
    behind: int
    delay_s: float
    changed_ms: int


class OutcomeView(Answers):
    """Follows the result topics; `open` is the usual way to get one.

    Args:
        settings: where to read, and how to reach it.
        snapshot_path: a file to begin from, which `save_snapshot` writes.
        more: follow the failure sessions and the workers' checkpoints as well.
        history: follow the time lines as well.

    Attributes:
        pipeline: how the workers are doing; None unless there is `more`. Without it, `sessions` is empty.
        error: what ended the following, if anything did.
    """

    def __init__(
        self,
        settings: Settings,
        snapshot_path: Path | None = None,
        *,
        more: bool = False,
        history: bool = False,
    ) -> None:
        super().__init__(history=history)
        self.pipeline: Pipeline | None = None
        self.error: FleetfoldError | None = None
        self._settings = settings
        self._options = settings.kafka_options()
        self._path = snapshot_path
        self._more = more
        self._results = [*_RESULTS, COMPONENT_HISTORY] if history else [*_RESULTS]
        self._cluster = ""
        self._follower: Follower | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(
        cls,
        bootstrap: str | None = None,
        *,
        settings: Settings | None = None,
        snapshot_path: Path | None = None,
        more: bool = False,
        history: bool = False,
    ) -> Self:
        """Return a view that has caught up with everything committed before.

        Args:
            bootstrap: the Kafka, `host:port`; else what the settings say.
            settings: else from the environment, security included.
            snapshot_path: a file to begin from.
            more: follow the failure sessions and the workers' checkpoints as well.
            history: follow the time lines as well, for `history`; they take memory for each day.

        Raises:
            TopicsError: a topic is missing, or there is no right to read it.
            KafkaUnavailableError: no broker answers, or it does not finish.
            SettingsError: a setting cannot work.
        """
        if settings is None:
            settings = load_settings(**({} if bootstrap is None else {"bootstrap": bootstrap}))
        elif bootstrap is not None:
            settings = settings.model_copy(update={"bootstrap": bootstrap})
        view = cls(settings, snapshot_path, more=more, history=history)
        try:
            await view.start()
            await view.catch_up()
        except BaseException:
            await view.close()
            raise
        return view

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def as_of(self) -> AsOf:
        """Up to where the view has read, and how long ago that was the end."""
        if self._follower is None:
            return AsOf({}, 0, float("inf"), 0)
        head = Head.of(self._cluster, self._follower.offsets, 0)
        return AsOf(head.offsets, self._follower.behind, self._follower.delay_s, self._follower.changed_ms)

    @property
    def progress(self) -> float:
        """How much of what was there at the start has been read, from 0 to 1."""
        return self._follower.progress if self._follower else 0.0

    async def watch(self) -> AsyncIterator[Change]:
        """Yield each change from now on.

        Raises:
            MissedError: the reader was too slow; begin anew.
            FleetfoldError: following ended in an error.
        """
        number = self.changes.last
        while await self.changes.wait(number):
            for change in self.changes.since(number):
                number = change.number
                yield change
        if self.error is not None:
            raise self.error

    # Coming and going.

    async def start(self) -> None:
        """Look at the topics, begin with the snapshot if there is one, and start to follow.

        Raises:
            TopicsError, KafkaUnavailableError: as `open`.
        """
        names = [*self._results]
        handlers: dict[str, Handler] = {
            self._settings.topic(COMPONENT_STATS): self.take_stats,
            self._settings.topic(CO_FAILURES): self.take_pairs,
            self._settings.topic(COMPONENT_HISTORY): self.take_history,
        }
        if self._more:
            names.append(HOST_LEDGER)
            handlers[self._settings.topic(HOST_LEDGER)] = self.take_sessions
            self.pipeline = await self._find_pipeline()
        if self.pipeline is not None:
            names.append(CHECKPOINTS)
            handlers[self._settings.topic(CHECKPOINTS)] = self.pipeline.put
        source = await look_at([self._settings.topic(name) for name in names], self._options)
        self._cluster = source.cluster
        offsets = {}
        if self._path is not None:
            results = [self._settings.topic(name) for name in self._results]
            offsets = await begin_from(self._path, source, results, self._options, self)
        self._follower = Follower(source, handlers, self._options)
        await self._follower.start(offsets)

    async def _find_pipeline(self) -> Pipeline | None:
        """Return how the workers can be watched; None, and a word, where we have no right to."""
        names = (CHECKPOINTS, OUTCOME_EVENTS, COMPONENT_DELTAS, PAIR_DELTAS)
        topics = [self._settings.topic(name) for name in names]
        try:
            found = await look_at(topics, self._options)
        except TopicsError as error:
            logger.warning("how the workers are doing is not known: %s", error)
            return None
        return Pipeline({tp: offset for tp, offset in found.beginnings.items() if tp.topic != topics[0]})

    async def catch_up(self) -> None:
        """Read everything that was committed before `start`, and go on in the background.

        Raises:
            KafkaUnavailableError: no broker answers, or a transaction stands open for too long.
            RuntimeError: `start` was not called.
        """
        if self._follower is None:
            raise RuntimeError("start comes first")
        await self._follower.catch_up()
        self.ready = True
        self._tasks.append(asyncio.create_task(self._follow(self._follower)))
        if self.pipeline is not None:
            self._tasks.append(asyncio.create_task(self.pipeline.watch_ends(self._options)))

    async def _follow(self, follower: Follower) -> None:
        try:
            while True:
                await follower.step()
                self.changes.wake()
        except FleetfoldError as error:
            self.error = error
            logger.error("the view no longer follows: %s", error)  # noqa: TRY400 -- expected, one clear line
        finally:
            self.changes.end()

    async def close(self) -> None:
        """Stop following; what was read stays readable."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        self.changes.end()
        if self._follower is not None:
            await self._follower.stop()

    async def save_snapshot(self, path: Path | None = None) -> Path | None:
        """Write a snapshot to a file, or to the one that the view was opened with; None without either.

        Raises:
            OSError: it cannot be written.
        """
        path = path or self._path
        if path is None or self._follower is None or not self.ready:
            return None
        results = {self._settings.topic(name) for name in self._results}
        offsets = {tp: offset for tp, offset in self._follower.offsets.items() if tp.topic in results}
        head = Head.of(self._cluster, offsets, self._follower.delay_s)
        await save(path, head, self)
        return path
