"""Supervised workers on a real broker: what a death, a stop and a refusal come to."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import psutil
import pytest

from processor.broker import EmbeddedKafka
from processor.settings import Settings, load_settings
from processor.topics import create
from schemas.topics import DEAD_LETTERS, OUTCOME_EVENTS, TOPICS
from tests.bench.events import generate
from tests.bench.load import load
from tests.processes import is_gone, wait_until_gone
from tests.settled import check_settled, committed, partitions_of, read_rows, wait_until_folded
from tests.waiting import eventually
from tests.workers import Workers, compare_with_oracle

pytestmark = pytest.mark.kafka

Worker = Popen[bytes]
Records = list[tuple[bytes, bytes]]
SEED = 41
CHUNK = 3_000


@pytest.fixture
async def settings(kafka: EmbeddedKafka, prefix: str) -> Settings:
    return await with_topics(kafka.bootstrap, prefix)


async def with_topics(bootstrap: str, prefix: str, **changes: int) -> Settings:
    made = load_settings(
        bootstrap=bootstrap,
        topic_prefix=prefix,
        app_id=f"{prefix}app",
        session_timeout_s=3,
        heartbeat_interval_s=1,
        **changes,
    )
    await create(made)
    return made


def history(chunks: int) -> Records:
    return list(generate(CHUNK * chunks, hosts=200, components=100, seed=SEED))


async def publish(settings: Settings, events: Records) -> None:
    await load(settings.bootstrap, settings.topic(OUTCOME_EVENTS), settings.partitions, events)


def workers_of(supervisor: Worker) -> list[psutil.Process]:
    return [child for child in psutil.Process(supervisor.pid).children() if not is_gone(child)]


async def said(workers: Workers, text: str, times: int = 1) -> None:
    """Wait until the log says it so often."""

    async def enough() -> bool:
        return workers.logs().count(text) >= times

    await eventually(enough)


async def ended(worker: Worker) -> int:
    return await asyncio.to_thread(worker.wait, 60)


async def test_killed_workers_are_restarted_and_every_row_is_exact(
    settings: Settings, tmp_path: Path
) -> None:
    """S8, S16: workers of one supervisor are killed one by one under load; every row equals the oracle's."""
    events, rng = history(6), random.Random(SEED)
    with Workers(settings, tmp_path, FLEETFOLD_PROCESSES="2").all_stopped() as workers:
        supervisor = workers.start()
        await said(workers, "ready", 2)
        for start in range(0, len(events), CHUNK):
            await publish(settings, events[start : start + CHUNK])
            if start and start % (2 * CHUNK) == 0:
                rng.choice(workers_of(supervisor)).kill()
                await said(workers, "ready", 2 + start // (2 * CHUNK))
        await wait_until_folded(settings)
        assert workers.logs().count("a worker ended; it is started again") == 2
        assert await asyncio.to_thread(workers.stop, supervisor) == 0, workers.logs()
    await compare_with_oracle(settings, events)
    await check_settled(settings)


@pytest.mark.parametrize("environment", [{}, {"FLEETFOLD_PROCESSES": "2"}], ids=["alone", "supervised"])
async def test_sigterm_under_load(settings: Settings, tmp_path: Path, environment: dict[str, str]) -> None:
    """S14: SIGTERM in the middle of the work: exit code 0 within 10 s, and the next worker loses nothing."""
    events = history(8)
    with Workers(settings, tmp_path, **environment).all_stopped() as workers:
        worker = workers.start()
        await said(workers, "ready", 2 if environment else 1)
        publishing = asyncio.create_task(publish(settings, events))
        sources = partitions_of(settings, [OUTCOME_EVENTS])

        async def some_are_folded() -> bool:
            return any((await committed(settings, sources)).values())

        await eventually(some_are_folded)
        assert await asyncio.to_thread(workers.stop, worker, 10) == 0, workers.logs()
        await publishing
        worker = workers.start()
        await wait_until_folded(settings)
        assert await asyncio.to_thread(workers.stop, worker, 10) == 0, workers.logs()
    await compare_with_oracle(settings, events)
    await check_settled(settings)


async def test_sigterm_before_a_worker_is_ready(settings: Settings, tmp_path: Path) -> None:
    """S14: a stop in the middle of the start is a clean stop as well."""
    with Workers(settings, tmp_path, FLEETFOLD_PROCESSES="2").all_stopped() as workers:
        supervisor = workers.start()
        await said(workers, "started a worker", 2)
        assert await asyncio.to_thread(workers.stop, supervisor, 10) == 0, workers.logs()


async def test_workers_do_not_outlive_a_killed_supervisor(settings: Settings, tmp_path: Path) -> None:
    """A supervisor that is killed with SIGKILL takes its workers along."""
    with Workers(settings, tmp_path, FLEETFOLD_PROCESSES="2").all_stopped() as workers:
        supervisor = workers.start()
        await said(workers, "ready", 2)
        children = workers_of(supervisor)
        assert len(children) == 2
        workers.kill(supervisor)
        await asyncio.to_thread(wait_until_gone, *children)


@pytest.mark.parametrize("environment", [{}, {"FLEETFOLD_PROCESSES": "1"}], ids=["alone", "supervised"])
async def test_too_many_dead_letters_stop_the_worker_for_good(
    kafka: EmbeddedKafka, prefix: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    """X8: exit code 3, nothing of that batch is committed, and the supervisor does not start it again."""
    settings = await with_topics(kafka.bootstrap, prefix, partitions=1)
    await publish(settings, [(b"host", b"not an event")] * 2_000)
    with Workers(settings, tmp_path, FLEETFOLD_PARTITIONS="1", **environment).all_stopped() as workers:
        assert await ended(workers.start()) == 3
    assert "are dead letters, over the limit of 50%" in workers.logs()
    assert "Traceback" not in workers.logs()
    if environment:
        assert workers.logs().count("started a worker") == 1
        assert "giving up: worker 1 ended with code 3" in workers.logs()
    assert set((await committed(settings, partitions_of(settings, [OUTCOME_EVENTS]))).values()) == {0}
    assert await read_rows(settings, DEAD_LETTERS) == {}


async def test_wrong_topics_stop_the_supervisor_before_it_starts_any(
    kafka: EmbeddedKafka, prefix: str, tmp_path: Path
) -> None:
    """X10, X11: no topics: exit code 2 with a line for each, and no worker is started."""
    settings = load_settings(bootstrap=kafka.bootstrap, topic_prefix=prefix, app_id=f"{prefix}app")
    with Workers(settings, tmp_path, FLEETFOLD_PROCESSES="2").all_stopped() as workers:
        assert await ended(workers.start()) == 2
    assert workers.logs().count("is missing; make it with `fleetfold topics create`") == len(TOPICS)
    assert "started a worker" not in workers.logs()


async def test_a_worker_waits_for_a_broker_that_comes_back(
    own_broker: Callable[..., EmbeddedKafka], prefix: str, tmp_path: Path
) -> None:
    """X10, S11: a broker that is down at the start is waited for, in one line; then the worker folds."""
    broker = await asyncio.to_thread(own_broker)
    settings = await with_topics(broker.bootstrap, prefix)
    await asyncio.to_thread(broker.stop)
    with Workers(settings, tmp_path, FLEETFOLD_BROKER_WAIT_S="60").all_stopped() as workers:
        worker = workers.start()
        await said(workers, "trying again for 60 s")
        assert len(workers.logs().splitlines()) == 1
        await asyncio.to_thread(broker.start)
        await said(workers, "ready")
        assert "[error" not in workers.logs()
        assert await asyncio.to_thread(workers.stop, worker) == 0
