"""What every fault test shares: workers that are restarted, load in the background, the verdict."""

import asyncio
import contextlib
import itertools
import random
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from aiokafka import AIOKafkaProducer, TopicPartition

from processor.app import engine_config
from processor.engine.batch import FetchedRecord
from processor.engine.changelog import read_to_end
from processor.settings import Settings, load_settings
from schemas.topics import DEAD_LETTERS, OUTCOME_EVENTS
from tests.faults.history import Record, history
from tests.settled import check_settled, wait_until_folded
from tests.waiting import eventually
from tests.workers import Workers, compare_with_oracle

__all__ = ["FAILED", "Scene", "Worker", "freeze", "scene_settings", "thaw"]

Worker = subprocess.Popen[bytes]

TICK_S = 0.05
RATE = 1_500  # events/s: under it, every partition has a transaction under way most of the time
FOLD_LIMIT_S = 40
FAILED = 1  # the exit code after which a supervisor starts a worker again


def scene_settings(bootstrap: str, prefix: str, **changes: object) -> Settings:
    """Settings that let a test be short: a worker is given up after 2 s.

    Args:
        bootstrap: the broker.
        prefix: of the topics.
        changes: what is not as by default.
    """
    quick = {"session_timeout_s": 2, "heartbeat_interval_s": 1, "fetch_max_wait_ms": 20, "gather_ms": 20}
    return load_settings(
        bootstrap=bootstrap, topic_prefix=prefix, app_id=f"{prefix}app", **{**quick, **changes}
    )


class Scene:
    """One test's workers and what was published.

    Args:
        settings: how the test itself reaches the broker.
        folder: for the workers' logs.
        seed: of the history and of what happens to it; printed.
        through: where the workers find the broker, if elsewhere.
        changes: as given to `scene_settings`, for the workers' environment.
    """

    def __init__(
        self, settings: Settings, folder: Path, seed: int, *, through: str | None = None, **changes: object
    ) -> None:
        print(f"seed {seed}")  # noqa: T201 -- whoever looks at a failure needs it
        self.settings = settings
        self._folder = folder
        self.rng = random.Random(seed)
        self.published: list[Record] = []
        self.failures = 0
        self.history = history(seed, settings.partitions)
        environment = {f"FLEETFOLD_{name.upper()}": str(value) for name, value in changes.items()}
        environment["FLEETFOLD_FETCH_MAX_WAIT_MS"] = str(settings.fetch_max_wait_ms)
        environment["FLEETFOLD_GATHER_MS"] = str(settings.gather_ms)
        of_workers = settings.model_copy(update={"bootstrap": through or settings.bootstrap})
        self.workers = Workers(of_workers, folder, **environment)
        self._supervisor: asyncio.Task[None]
        self._producer: AIOKafkaProducer | None = None

    # Workers

    @contextlib.asynccontextmanager
    async def open(self, workers: int) -> AsyncIterator["Scene"]:
        """Run some workers; one that fails is started again; none is left behind."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.settings.bootstrap, enable_idempotence=True, linger_ms=5
        )
        async with producer:
            with self.workers.all_stopped():
                self._producer = producer
                for _ in range(workers):
                    self.workers.start()
                self._supervisor = asyncio.create_task(self._supervise())
                try:
                    yield self
                finally:
                    self._supervisor.cancel()
                    await asyncio.wait([self._supervisor])

    async def _supervise(self) -> None:
        """Start again what failed; a worker that must not be started again ends the test."""
        while True:
            for worker in list(self.workers.running):
                code = worker.poll()
                if code is not None:
                    self.workers.running.remove(worker)
                    assert code == FAILED, f"a worker ended with {code}\n{self.workers.logs()}"
                    self.failures += 1
                    self.workers.start()
            await asyncio.sleep(0.2)

    async def stop(self, worker: Worker) -> int:
        """Stop a worker with SIGTERM and return its exit code."""
        try:
            return await asyncio.to_thread(self.workers.stop, worker)
        except subprocess.TimeoutExpired as error:
            self.workers.running.append(worker)  # to be killed with the others
            raise AssertionError(f"a worker did not end\n{self.workers.logs()}") from error

    def log(self, worker: int) -> str:
        """What the worker that was started as the n-th (from 0) has logged."""
        return (self._folder / f"worker-{worker}.log").read_text()

    async def log_says(self, worker: int, text: str, times: int = 1) -> None:
        """Wait until a worker has logged a text so often."""

        async def said() -> bool:
            return self.log(worker).count(text) >= times

        await eventually(said, 30)

    async def ready(self, worker: int) -> None:
        """Wait until a worker folds."""
        await self.log_says(worker, "ready")

    # Load

    async def publish(self, records: int) -> None:
        """Publish the next so many records of the history; return once the broker has them."""
        assert self._producer is not None
        topic = self.settings.topic(OUTCOME_EVENTS)
        chunk = list(itertools.islice(self.history, records))
        self.published += chunk
        sends = [
            await self._producer.send(topic, one.value, key=one.key, partition=one.partition) for one in chunk
        ]
        await asyncio.gather(*sends)

    @contextlib.asynccontextmanager
    async def load(self, rate: int = RATE) -> AsyncIterator[None]:
        """Publish in the background, so many records a second."""
        enough = asyncio.Event()

        async def go_on() -> None:
            while not enough.is_set():
                await self.publish(int(rate * TICK_S))
                await asyncio.sleep(TICK_S)

        publishing = asyncio.create_task(go_on())
        try:
            yield
        finally:
            enough.set()
            await publishing

    # Verdict

    async def check(self) -> dict[str, int]:
        """Wait until everything is folded, stop the workers, and compare all that came of it."""
        await self.check_folded()
        for worker in list(self.workers.running):
            assert await self.stop(worker) == 0, self.workers.logs()
        return await self.check_folded()

    async def check_folded(self) -> dict[str, int]:
        """Wait until everything is folded, and compare; the workers may go on."""
        folded = asyncio.create_task(wait_until_folded(self.settings, FOLD_LIMIT_S))
        await asyncio.wait([folded, self._supervisor], return_when=asyncio.FIRST_COMPLETED)
        if self._supervisor.done():
            folded.cancel()
            self._supervisor.result()
        assert folded.exception() is None, f"not folded\n{self.workers.logs()}"
        with contextlib.suppress(TimeoutError):  # what is wrong then, the assertions say
            await eventually(self._is_settled, 20)
        good = [(one.key, one.value) for one in self.published if not one.reason]
        compared = await compare_with_oracle(self.settings, good)
        await check_settled(self.settings)
        expected = Counter((one.key, one.value, one.reason) for one in self.published if one.reason)
        assert await self._dead_letters() == expected
        return {**compared, "dead letters": expected.total()}

    async def _is_settled(self) -> bool:
        """Whether no commit is half way: its markers reach the partitions one by one."""
        try:
            await check_settled(self.settings)
        except AssertionError:
            return False
        return True

    async def _dead_letters(self) -> Counter[tuple[bytes, bytes, bytes]]:
        found: Counter[tuple[bytes, bytes, bytes]] = Counter()

        def on_records(_: TopicPartition, records: Sequence[FetchedRecord]) -> None:
            found.update(
                (one.key or b"", one.value or b"", dict(one.headers)["fleetfold-reason"] or b"")
                for one in records
            )

        topic = self.settings.topic(DEAD_LETTERS)
        partitions = [TopicPartition(topic, number) for number in range(self.settings.partitions)]
        await read_to_end(engine_config(self.settings), partitions, on_records)
        return found


def freeze(worker: Worker) -> None:
    """Stop a worker with SIGSTOP: it does nothing, and its connections stay."""
    worker.send_signal(signal.SIGSTOP)


def thaw(worker: Worker) -> None:
    """Let a stopped worker go on."""
    worker.send_signal(signal.SIGCONT)
