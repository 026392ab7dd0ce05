"""A broker that dies, stays away or runs out of disk changes no count."""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from processor.broker import EmbeddedKafka
from tests.faults.conftest import MakeScene
from tests.faults.scene import FAILED
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

StartBroker = Callable[..., EmbeddedKafka]
REQUEST_TIMEOUT_S = 2
DISK_MB = 64


async def test_the_broker_is_killed_under_load(own_broker: StartBroker, make_scene: MakeScene) -> None:
    """S11, S16: workers outlive a broker's SIGKILL, or start again; what it acknowledged is counted once."""
    broker = await asyncio.to_thread(own_broker)
    scene = await make_scene(broker.bootstrap, seed=111)
    async with scene.open(workers=2):
        async with scene.load():
            await scene.ready(0)
            for _ in range(2):
                await asyncio.sleep(scene.rng.uniform(1.0, 2.0))
                await asyncio.to_thread(broker.kill)
                await asyncio.to_thread(broker.restart)
            await asyncio.sleep(1)
        await scene.check()


async def test_the_broker_is_away_for_long(own_broker: StartBroker, make_scene: MakeScene) -> None:
    """S11: the same after a clean stop for longer than any request may take."""
    broker = await asyncio.to_thread(own_broker)
    scene = await make_scene(broker.bootstrap, seed=112, request_timeout_s=REQUEST_TIMEOUT_S)
    async with scene.open(workers=2):
        async with scene.load():
            await scene.ready(0)
            await scene.ready(1)
            await asyncio.to_thread(broker.stop)
            await asyncio.sleep(3 * REQUEST_TIMEOUT_S)
            await asyncio.to_thread(broker.start)
            await asyncio.sleep(1)
        await scene.check()


@pytest.mark.parametrize("state", ["starting", "folding"])
async def test_sigterm_without_a_broker(own_broker: StartBroker, make_scene: MakeScene, state: str) -> None:
    """S14: a worker whose broker is gone ends within 10 s of SIGTERM all the same."""
    broker = await asyncio.to_thread(own_broker)
    scene = await make_scene(broker.bootstrap, seed=114)
    async with scene.open(workers=0):
        if state == "starting":
            await asyncio.to_thread(broker.kill)
            worker = scene.workers.start()
            await scene.log_says(0, "trying again")
        else:
            worker = scene.workers.start()
            await scene.ready(0)
            await scene.publish(5_000)
            await asyncio.to_thread(broker.kill)
        assert await scene.stop(worker) in {0, FAILED}
        await asyncio.to_thread(broker.restart)
        if state == "folding":
            scene.workers.start()
            await scene.check()


def command(name: str, *arguments: str) -> None:
    """Run a program of the system's; raises where it fails or is not there."""
    subprocess.run([shutil.which(name) or name, *arguments], check=True, capture_output=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own for one broker."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        command("mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small disk needs the right to mount: {error}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 -- wherever it is


def fill(disk: Path) -> Path:
    """Take what is left of a disk; return the file that takes it."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(os.urandom(65_536))
    return filler


async def test_a_full_disk(small_disk: Path, own_broker: StartBroker, make_scene: MakeScene) -> None:
    """S11: the broker's disk fills up and it dies; with room again, it is started and all goes on."""
    broker = await asyncio.to_thread(own_broker, data_dir=small_disk / "data")
    scene = await make_scene(broker.bootstrap, seed=115, request_timeout_s=REQUEST_TIMEOUT_S)
    async with scene.open(workers=1):
        async with scene.load():
            await scene.ready(0)
            filler = await asyncio.to_thread(fill, small_disk)

            async def died() -> bool:
                return not broker.running()

            await eventually(died, 30)
            filler.unlink()
            await asyncio.to_thread(broker.restart)
            await asyncio.sleep(1)
        await scene.check()
