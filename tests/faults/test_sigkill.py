"""A worker that is killed at any moment, several times, changes no count."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from processor.settings import Settings, load_settings
from processor.topics import create
from schemas.topics import OUTCOME_EVENTS
from tests.bench.events import generate
from tests.bench.load import load
from tests.settled import check_settled, wait_until_folded
from tests.workers import Workers, compare_with_oracle

SEED = 20_261_124
CHUNK = 4_000
CHUNKS = 10
KILLS = 6


@pytest.fixture
async def settings(kafka: Any, prefix: str) -> Settings:
    made = load_settings(
        bootstrap=kafka.bootstrap,
        topic_prefix=prefix,
        app_id=f"{prefix}app",
        session_timeout_s=2,
        heartbeat_interval_s=1,
    )
    await create(made)
    return made


async def publish(settings: Settings, events: list[tuple[bytes, bytes]]) -> None:
    await load(settings.bootstrap, settings.topic(OUTCOME_EVENTS), settings.partitions, events)


async def test_sigkill_changes_no_count(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """S8, S13, S16: six kills at random moments during one history; every row equals the oracle's."""
    rng = random.Random(SEED)
    history = list(generate(CHUNK * CHUNKS, hosts=500, components=300, seed=SEED))
    with Workers(settings, tmp_path).all_stopped() as workers:
        worker = workers.start()
        kills = 0
        for start in range(0, len(history), CHUNK):
            await publish(settings, history[start : start + CHUNK])
            if kills < KILLS:
                await asyncio.sleep(rng.uniform(1.0, 3.0))
                workers.kill(worker)
                kills += 1
                worker = workers.start()
        await wait_until_folded(settings)
        assert workers.stop(worker) == 0, workers.logs()
    compared = await compare_with_oracle(settings, history)
    await check_settled(settings)
    with capsys.disabled():
        print(f"\n{kills} kills; equal to the oracle: {compared}")  # noqa: T201 -- a report that is asked for
