"""Runs an instance: all follow the rows; the one that leads judges at intervals, and writes what changed.

A follower that waits is warm: it has the rows, so taking over means to shut the one before out and to read
what that one wrote last.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from aiokafka import TopicPartition

from processor.errors import FleetfoldError, KafkaRefusedError, KafkaUnavailableError
from processor.serve.alias import following, live_after, live_generation
from processor.serve.follower import Follower, Handler, look_at
from processor.settings import Settings
from processor.verdicts.evaluation import evaluate, weigh
from processor.verdicts.leadership import Leadership
from processor.verdicts.meters import VerdictMeters
from processor.verdicts.rows import Pair, Rows
from processor.verdicts.watched import watched
from processor.verdicts.writer import FencedError, Writer
from schemas.topics import ALIASES, CO_FAILURES, COMPONENT_HISTORY, COMPONENT_STATS, FLEET_TOTALS, VERDICTS

if TYPE_CHECKING:
    from processor.domain.conflicts import PairEvidence

__all__ = ["MovedError", "Service", "run"]

logger = logging.getLogger(__name__)

_ALL_EVERY_S: Final = 600.0
_SILENT_S: Final = 30.0
_REST: Final = 4.0
"""After an evaluation, so many times as long as it took is rested: a large fleet is judged less often."""


async def run(settings: Settings) -> int:
    """Run an instance until SIGTERM or SIGINT.

    Args:
        settings: where Kafka is, under which names, and how often to judge.

    Returns:
        The exit code: 0 after a stop; 1 where a restart may help.

    Raises:
        TopicsError: a topic is missing, or there is no right to read it.
        KafkaUnavailableError: no broker answers at the start, or it turns us away.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    service = Service(settings, VerdictMeters())
    async with watched(lambda: service, settings):
        while not stopping.is_set():
            await service.start()
            try:
                while not stopping.is_set():
                    await service.step()
            except KafkaRefusedError:
                raise
            except MovedError:
                logger.info("another generation is live: all rows are read anew")
            except (FencedError, KafkaUnavailableError) as error:
                logger.error("%s", error)  # noqa: TRY400 -- expected, one clear line
                return 1
            finally:
                await service.stop()
            service = Service(settings, service.meters)
    return 0


class MovedError(Exception):
    """Readers follow another generation of the results now."""


class Service:
    """One instance.

    Args:
        settings: as for `run`.
        meters: what is counted; of an earlier instance in this process, if there was one.
    """

    def __init__(self, settings: Settings, meters: VerdictMeters | None = None) -> None:
        self.rows = Rows()
        self.meters = meters or VerdictMeters()
        self._settings = settings
        self._leadership = Leadership(settings)
        self._verdicts = TopicPartition(settings.topic(VERDICTS), 0)
        self._writer: Writer | None = None
        self._follower: Follower | None = None
        self._following: asyncio.Task[None] | None = None
        self._stepped = asyncio.Event()
        self._generation = self._live = 1
        self._term = 0
        self._weighed: dict[Pair, PairEvidence] = {}
        self._due_s = 0.0
        self._all_due_s = 0.0

    @property
    def leads(self) -> bool:
        """Whether this instance writes."""
        return self._writer is not None

    @property
    def delay_s(self) -> float:
        """How old rows may be that are not read yet; 0 before the first was looked for."""
        return self._follower.delay_s if self._follower is not None else 0.0

    def why_not_ready(self) -> str | None:
        """Return why it does not do its work: rows are being read, or none arrive; None if it does."""
        if self._following is None:
            return "the rows are being read"
        if self._following.done():
            return "the rows are no longer followed"
        if self.delay_s > _SILENT_S:
            return f"no rows could be read for {self.delay_s:.0f} s"
        return None

    async def start(self) -> None:
        """Read all rows, go on to follow them, and join the group.

        Raises:
            TopicsError, KafkaUnavailableError: as `run`.
        """
        settings, rows = await following(self._settings), self.rows
        options = settings.kafka_options()
        self._generation = self._live = settings.generation or 1
        handlers: dict[str, Handler] = {
            settings.topic(COMPONENT_STATS): rows.take_stats,
            settings.topic(CO_FAILURES): rows.take_pairs,
            settings.topic(COMPONENT_HISTORY): rows.take_history,
            settings.topic(FLEET_TOTALS): rows.take_totals,
            settings.topic(VERDICTS): self._take_verdicts,
        }
        if not self._settings.generation and await live_generation(self._settings) is not None:
            handlers[settings.topic(ALIASES)] = self._take_aliases
        follower = Follower(await look_at(list(handlers), options), handlers, options)
        self._follower = follower
        await follower.start()
        await follower.catch_up()
        logger.info("read: %d components, %d pairs, %d verdict rows",
                    len(rows.components), len(rows.pairs), len(rows.standing))  # fmt: skip
        self._following = asyncio.create_task(self._follow(follower))
        await self._leadership.start()

    async def stop(self) -> None:
        """Finish what is being written, leave the group, and close all connections."""
        async with self._leadership.writing:
            self._leadership.leads = False
        if self._writer is not None:
            await self._writer.stop()
        await self._leadership.stop()
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError, FleetfoldError):
                await self._following
        if self._follower is not None:
            await self._follower.stop()

    def _take_verdicts(self, records: Iterable[Any]) -> None:
        """Take in rows that others wrote; while this instance writes, it knows its own better."""
        if self._writer is None:
            self.rows.take_verdicts(records)

    def _take_aliases(self, records: Iterable[Any]) -> None:
        """Note which generation is live."""
        self._live = live_after(records, self._live)

    async def _follow(self, follower: Follower) -> None:
        while True:
            await follower.step()
            self._stepped.set()

    async def step(self) -> None:
        """Wait a moment; judge and write if it is time to, and this instance leads.

        Raises:
            FencedError, KafkaUnavailableError: this instance can do no more.
            MovedError: readers follow another generation now; begin anew.
        """
        await self._leadership.wait(min(self._settings.verdicts_interval_s, 1.0) / 2)
        if self._following is not None and self._following.done():
            self._following.result()
        if self._live != self._generation:
            raise MovedError
        leadership = self._leadership
        if self._writer is not None and (not leadership.leads or leadership.term != self._term):
            await self._writer.stop()
            self._writer = None
        if leadership.leads and self._writer is None:
            await self._take_over()
        if self._writer is not None and time.monotonic() >= self._due_s:
            await self._judge(self._writer)

    async def _take_over(self) -> None:
        """Shut the writer before out, and read what it wrote last."""
        self._term = self._leadership.term
        writer = Writer(self._settings)
        await writer.start()
        try:
            source = await look_at([self._verdicts.topic], self._settings.kafka_options())
            await self._read_up_to(source.ends[self._verdicts])
        except BaseException:
            await writer.stop()
            raise
        self._writer = writer
        self._due_s = self._all_due_s = 0.0
        logger.info("leading: this instance writes the verdicts")

    async def _read_up_to(self, end: int) -> None:
        """Return once the rows of `verdicts` are read up to an offset.

        Raises:
            KafkaUnavailableError: following ended.
        """
        follower, following = self._follower, self._following
        if follower is None or following is None:
            raise RuntimeError("start comes first")
        while follower.offsets[self._verdicts] < end:
            self._stepped.clear()
            stepped = asyncio.create_task(self._stepped.wait())
            await asyncio.wait([stepped, following], return_when=asyncio.FIRST_COMPLETED)
            stepped.cancel()
            if following.done():
                following.result()

    async def _judge(self, writer: Writer) -> None:
        """Judge what changed, or everybody now and then, and write the news."""
        began_s, rows = time.monotonic(), self.rows
        if rows.pairs_changed:
            rows.pairs_changed = False
            held = frozenset(
                (min(each, verdict.other), max(each, verdict.other))
                for each, row in rows.standing.items()
                for verdict in row.verdicts
                if verdict.other is not None
            )
            copied = [(a, b, count) for (a, b), count in rows.pairs.items()]
            self._weighed = await asyncio.to_thread(
                weigh, copied, dict(rows.failure_sessions), rows.sessions, held
            )
        everybody = began_s >= self._all_due_s
        components = rows.components if everybody else rows.touched
        rows.touched = set()
        news = evaluate(rows, self._weighed, time.time_ns() // 1000, components)
        if everybody:
            self._all_due_s = began_s + _ALL_EVERY_S
        took_s = time.monotonic() - began_s
        self.meters.judged(took_s)
        self._due_s = time.monotonic() + max(self._settings.verdicts_interval_s, _REST * took_s)
        if not news:
            return
        async with self._leadership.writing:
            if not self._leadership.leads:
                return
            await writer.write(news)
        for component_id, row in news.items():
            if row is None:
                rows.standing.pop(component_id, None)
            else:
                rows.standing[component_id] = row
        self.meters.wrote(len(news))
        logger.info("wrote %d rows of verdicts", len(news))
