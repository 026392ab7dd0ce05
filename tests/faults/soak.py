"""`make soak`: random faults from a printed seed for a given time, then the comparison with the oracle.

SOAK_S: how long (default 600). SOAK_SEED: repeat the plan of an earlier run.
"""

import asyncio
import logging
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from processor.topics import create
from tests.faults.network import ProxiedKafka, proxied_broker
from tests.faults.plan import Step, plan
from tests.faults.scene import Scene, freeze, scene_settings, thaw
from tests.proxy import Fault, Proxy

DURATION_S = 600
RATE = 400  # events/s: the oracle holds all of them
WORKERS_MAX = 4
PREFIX = "soak-"


def main() -> int:
    """Return 0 where all is exact; raise where it is not."""
    duration_s = float(os.environ.get("SOAK_S", DURATION_S))
    seed = int(os.environ.get("SOAK_SEED", random.SystemRandom().randrange(10**6)))
    folder = Path(tempfile.mkdtemp(prefix="fleetfold-soak-"))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # of a publisher whose broker is away
    say(f"SOAK_SEED={seed} SOAK_S={duration_s:g}; the workers' logs are in {folder}")
    with proxied_broker(folder / "broker") as kafka:  # a scratch folder would go with a stop
        compared = asyncio.run(soak(kafka, folder, seed, duration_s))
    say(f"equal to the oracle: {compared}")
    return 0


async def soak(kafka: ProxiedKafka, folder: Path, seed: int, duration_s: float) -> dict[str, int]:
    """Make faults for a while; return what was compared."""
    async with kafka.proxy().running() as proxy:
        settings = scene_settings(kafka.broker.bootstrap, PREFIX, request_timeout_s=3)
        await create(settings)
        scene = Scene(settings, folder, seed, through=proxy.bootstrap, request_timeout_s=3)
        end_s = time.monotonic() + duration_s
        async with scene.open(workers=2):
            async with scene.load(RATE):
                for number, step in enumerate(plan(seed)):
                    if time.monotonic() > end_s:
                        break
                    await asyncio.sleep(step.pause_s)
                    say(f"{number:4} {len(scene.workers.running)} workers; {step}")
                    await happen(step, scene, kafka, proxy)
            proxy.disarm()
            say(f"{len(scene.published)} records published, {scene.failures} workers failed; comparing")
            return await scene.check()


async def happen(step: Step, scene: Scene, kafka: ProxiedKafka, proxy: Proxy) -> None:
    """Make one fault."""
    running = scene.workers.running
    worker = running[step.worker % len(running)] if running else None
    if step.kind == "drop":
        proxy.arm(Fault(step.api, after=step.after))
    elif step.kind == "delay":
        proxy.arm(Fault(step.api, after=step.after, delay_s=step.length_s))
    elif step.kind == "kill the broker":
        await asyncio.to_thread(kafka.broker.kill)
        await asyncio.to_thread(kafka.broker.restart)
    elif step.kind == "stop the broker":
        await asyncio.to_thread(kafka.broker.stop)
        await asyncio.sleep(step.length_s)
        await asyncio.to_thread(kafka.broker.start)
    elif worker is None or (step.kind == "join" and len(running) < WORKERS_MAX):
        scene.workers.start()
    elif step.kind == "freeze":
        freeze(worker)
        await asyncio.sleep(step.length_s)
        thaw(worker)
    elif step.kind == "kill":
        scene.workers.kill(worker)
        scene.workers.start()
    elif step.kind == "leave":
        await scene.stop(worker)


def say(line: str) -> None:
    """Tell whoever waits."""
    print(line, flush=True)  # noqa: T201 -- a command's output


if __name__ == "__main__":
    sys.exit(main())
