"""A rebuild on a real broker: another fold, other partitions, live load, and kills in the middle."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from processor.broker import EmbeddedKafka
from processor.errors import FleetfoldError
from processor.generations import of_generation
from processor.serve.alias import read_aliases
from processor.settings import Settings
from processor.standing import standing
from processor.topics import create
from tests.faults.scene import Scene, scene_settings
from tests.processes import wait_until_gone
from tests.waiting import eventually
from tests.workers import Workers, compare_with_oracle

pytestmark = pytest.mark.kafka

OTHER_RULES = {"FLEETFOLD_SESSION_GAP_S": "20", "FLEETFOLD_MASS_FAILURE_CAP": "3"}
OTHER_ORACLE = {"gap": timedelta(seconds=20), "mass_failure_cap": 3}
PARTITIONS = 6


@contextlib.contextmanager
def rebuilding(settings: Settings, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start `fleetfold rebuild` as an operator would; kill it in the end if it is still there."""
    told = {
        "FLEETFOLD_BOOTSTRAP": settings.bootstrap,
        "FLEETFOLD_TOPIC_PREFIX": settings.topic_prefix,
        "FLEETFOLD_APP_ID": settings.app_id,
        "FLEETFOLD_SESSION_TIMEOUT_S": "2",
        "FLEETFOLD_HEARTBEAT_INTERVAL_S": "1",
        "FLEETFOLD_FETCH_MAX_WAIT_MS": "20",
        **environment,
    }
    command = [sys.executable, "-m", "processor.cli.main", "rebuild", "--verbose", "--processes", "2"]
    command += ["--partitions", str(PARTITIONS)]
    with log.open("ab") as output:
        rebuild = subprocess.Popen(command, env=os.environ | told, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield rebuild
    finally:
        rebuild.kill()
        rebuild.wait()


async def folded_records(settings: Settings) -> int:
    """How much of the log the rebuild has folded."""
    try:
        async with standing(settings) as look:
            return (await look.progress()).done
    except FleetfoldError:
        return 0  # its topics are not there yet


async def kill_on_the_way(settings: Settings, second: Settings, log: Path) -> None:
    """Start a rebuild, let it fold some of the log, and kill it; its processes end with it."""
    before, said = await folded_records(second), log.read_text
    with rebuilding(settings, log, FLEETFOLD_MAX_BATCH_RECORDS="200", **OTHER_RULES) as rebuild:

        async def is_on_its_way() -> bool:
            assert rebuild.poll() is None, said()
            return await folded_records(second) > before + 2_000

        await eventually(is_on_its_way, 90)
        children = psutil.Process(rebuild.pid).children(recursive=True)
        assert len(children) == 3, said()  # a router and two workers
        rebuild.kill()
        await asyncio.to_thread(wait_until_gone, *children)
    assert (await read_aliases(settings)).unfinished == 2


async def test_another_fold_is_rebuilt_under_load(kafka: EmbeddedKafka, prefix: str, tmp_path: Path) -> None:
    """Another gap, another cap and more partitions: every row equals the oracle's, and the old ones stay.

    The log has strays, their copies, duplicates and bad records. The rebuild and all its processes are killed
    twice on the way; meanwhile the first generation folds what goes on being published.
    """
    settings = scene_settings(kafka.bootstrap, prefix)
    await create(settings)
    second = of_generation(settings, 2).model_copy(update={"partitions": PARTITIONS})
    scene = Scene(settings, tmp_path, seed=7)
    log = tmp_path / "rebuild.log"
    async with scene.open(1):
        await scene.publish(40_000)
        async with scene.load(300):
            for _ in range(2):
                await kill_on_the_way(settings, second, log)
            with rebuilding(settings, log, **OTHER_RULES) as rebuild:
                assert await asyncio.to_thread(rebuild.wait, 120) == 0, log.read_text()
            made = (await read_aliases(settings)).built[2]
            assert made.built is not None
            assert made.partitions == PARTITIONS
            environment = {
                "FLEETFOLD_GENERATION": "2",
                "FLEETFOLD_PARTITIONS": str(PARTITIONS),
                "FLEETFOLD_FETCH_MAX_WAIT_MS": "20",
                **OTHER_RULES,
            }
            folder = tmp_path / "second"
            folder.mkdir()
            workers = Workers(settings, folder, **environment)
            with workers.all_stopped():
                workers.start()
                workers.start()
                await scene.publish(2_000)
                async with standing(second) as look:
                    assert await look.folded(60), workers.logs()
                await scene.publish(2_000)
                workers.kill(workers.running[0])
                async with standing(second) as look:
                    assert await look.folded(60), workers.logs()
                (left,) = workers.running
                assert workers.stop(left) == 0, workers.logs()
        workers = Workers(settings, folder, **environment)
        with workers.all_stopped():
            workers.start()
            async with standing(second) as look:
                assert await look.folded(60), workers.logs()
        await scene.check_folded()
    good = [(one.key, one.value) for one in scene.published if not one.reason]
    compared = await compare_with_oracle(second, good, **OTHER_ORACLE)
    assert compared["pairs"] > 100
