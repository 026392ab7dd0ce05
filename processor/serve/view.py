"""The live answers in memory: what the result topics say, a moment after they say it.

    view = await OutcomeView.open("127.0.0.1:9092")
    view.success_rate("pkg:pypi/ruff")

A lookup is a look into a dictionary. Only committed rows are ever seen. When following ends in an error, the
view says so (`error`), and `watch` raises it; what was read stays readable, and its delay grows.

Unless the settings name a generation, the view follows the live one. When readers are switched to another,
it loads that one beside, and puts it in place at once; memory holds both for that time.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from processor.errors import FleetfoldError
from processor.serve.alias import live_after, live_generation
from processor.serve.answers import Answers
from processor.serve.changes import Change
from processor.serve.follower import Follower
from processor.serve.load import Load
from processor.settings import Settings, load_settings
from schemas.topics import ALIASES

if TYPE_CHECKING:
    from processor.serve.pipeline import Pipeline

__all__ = ["AsOf", "OutcomeView"]

logger = logging.getLogger(__name__)

_MOVE_AGAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class AsOf:
    """How fresh a view is.

    Attributes:
        offsets: for each full topic name, the next offset of each partition.
        behind: offsets between there and the topics' ends; markers of transactions are among them.
        delay_s: everything that was committed this long ago or longer is in the view.
        changed_ms: the record time of the newest row, in milliseconds since the epoch; 0 if there is none.
        generation: of which fold of the log the rows are.
    """

    offsets: dict[str, list[int]]
    behind: int
    delay_s: float
    changed_ms: int
    generation: int


class OutcomeView(Answers):
    """Follows the result topics; `open` is the usual way to get one.

    Args:
        settings: where to read, and how to reach it.
        snapshot_path: a file to begin from, which `save_snapshot` writes.
        more: follow failure sessions, verdicts, the fleet's totals and the workers' checkpoints as well.
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
        self.strength = settings.shrink_strength
        self._settings = settings
        self._options = settings.kafka_options()
        self._path = snapshot_path
        self._more = more
        self._load: Load | None = None
        self._live = 1
        self._told = asyncio.Event()
        self._moving: asyncio.Task[None] | None = None
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
            more: follow failure sessions, verdicts, the fleet's totals and the workers' checkpoints as well.
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
        load, follower = self._load, self._load.follower if self._load else None
        if load is None or follower is None:
            return AsOf({}, 0, float("inf"), 0, 1)
        return AsOf(load.offsets(), follower.behind, follower.delay_s, follower.changed_ms, load.generation)

    @property
    def progress(self) -> float:
        """How much of what was there at the start has been read, from 0 to 1."""
        return self._load.follower.progress if self._load and self._load.follower else 0.0

    async def watch(self) -> AsyncIterator[Change]:
        """Yield each change from now on.

        Raises:
            MissedError: the reader was too slow, or the view follows another generation now; begin anew.
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
        settings, beside = self._settings, {}
        if not settings.generation and (live := await live_generation(settings)) is not None:
            settings = settings.model_copy(update={"generation": live})
            beside[settings.topic(ALIASES)] = self._take_aliases
        load = Load(settings, self, more=self._more, beside=beside)
        await load.start(self._path)
        self._load, self._live, self.pipeline = load, load.generation, load.pipeline

    async def catch_up(self) -> None:
        """Read everything that was committed before `start`, and go on in the background.

        Raises:
            KafkaUnavailableError: no broker answers, or a transaction stands open for too long.
            RuntimeError: `start` was not called.
        """
        if self._load is None or self._load.follower is None:
            raise RuntimeError("start comes first")
        await self._load.follower.catch_up()
        self.ready = True
        self._follow_on(self._load)
        self._moving = asyncio.create_task(self._move())

    def _follow_on(self, load: Load) -> None:
        """Keep a generation up in the background."""
        assert load.follower is not None  # noqa: S101  # it was started
        self._tasks.append(asyncio.create_task(self._follow(load.follower)))
        if (watching := load.watching()) is not None:
            self._tasks.append(asyncio.create_task(watching))

    async def _follow(self, follower: Follower) -> None:
        try:
            while True:
                await follower.step()
                self.expire(datetime.now(UTC))
                self.changes.wake()
        except FleetfoldError as error:
            self.error = error
            logger.error("the view no longer follows: %s", error)  # noqa: TRY400 -- expected, one clear line
            self.changes.end()

    # From one generation to another.

    def _take_aliases(self, records: Sequence[Any]) -> None:
        """Take in a run of `aliases`."""
        self._live = live_after(records, self._live)
        self._told.set()

    async def _move(self) -> None:
        """Follow the live generation: load it beside the one in use, and put it in its place at once."""
        while True:
            await self._told.wait()
            self._told.clear()
            if self._load is None or self._live == self._load.generation:
                continue
            try:
                await self._move_to(self._live)
            except FleetfoldError as error:
                logger.warning("generation %d is not put to use yet: %s", self._live, error)
                await asyncio.sleep(_MOVE_AGAIN_S)
                self._told.set()

    async def _move_to(self, generation: int) -> None:
        old = self._load
        assert old is not None  # noqa: S101  # the view was started
        settings = self._settings.model_copy(update={"generation": generation})
        beside = {self._settings.topic(ALIASES): self._take_aliases}
        new = Load(settings, Answers(history=self.days is not None), more=self._more, beside=beside)
        try:
            follower = await new.start()
            await follower.catch_up()
        except BaseException:
            await new.stop()
            raise
        # Nothing here waits: whoever asks sees the one or the other, whole.
        tasks, self._tasks = self._tasks, []
        self.adopt(new.answers)
        self._load, self.pipeline = new, new.pipeline
        self._follow_on(new)
        self.changes.wake()
        logger.info("following generation %d, after generation %d", generation, old.generation)
        await _ended(tasks)
        await old.stop()

    async def close(self) -> None:
        """Stop following; what was read stays readable."""
        if self._moving is not None:
            await _ended([self._moving])
        await _ended(self._tasks)
        self._tasks.clear()
        self.changes.end()
        if self._load is not None:
            await self._load.stop()

    async def save_snapshot(self, path: Path | None = None) -> Path | None:
        """Write a snapshot to a file, or to the one that the view was opened with; None without either.

        Raises:
            OSError: it cannot be written.
        """
        path = path or self._path
        if path is None or self._load is None or not self.ready:
            return None
        await self._load.save(path)
        return path


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks, and return once they have ended."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
