"""Workers that are killed at any moment, several times, change no count."""

import asyncio
from typing import Any

import pytest

from tests.faults.conftest import MakeScene

pytestmark = pytest.mark.kafka

KILLS = 8


async def test_random_workers_are_killed_under_load(
    kafka: Any, make_scene: MakeScene, capsys: pytest.CaptureFixture[str]
) -> None:
    """S8, S13, S16: eight kills of one of three workers, under load all the while; every row is exact."""
    scene = await make_scene(kafka.bootstrap, seed=81)
    async with scene.open(workers=3):
        async with scene.load():
            await scene.ready(0)
            for _ in range(KILLS):
                await asyncio.sleep(scene.rng.uniform(0.3, 3.0))
                scene.workers.kill(scene.rng.choice(scene.workers.running))
                scene.workers.start()
        compared = await scene.check()
    with capsys.disabled():
        print(f"\n{KILLS} kills; equal to the oracle: {compared}")  # noqa: T201 -- a report that is asked for
