"""Workers that come, go and freeze change no count."""

import asyncio

import pytest

from tests.faults.conftest import MakeScene
from tests.faults.network import ProxiedKafka
from tests.faults.scene import Scene, freeze, thaw
from tests.proxy import Api, Fault, Proxy
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

STEPS = (Api.PRODUCE, Api.TXN_OFFSET_COMMIT, Api.END_TXN)


def choose(scene: Scene) -> str:
    """What happens next; one to four workers run."""
    running = len(scene.workers.running)
    if running == 1:
        return "join"
    return "leave" if running == 4 else scene.rng.choice(("join", "leave", "kill"))


async def test_workers_join_and_leave_under_load(
    proxied_kafka: ProxiedKafka, proxy: Proxy, make_scene: MakeScene
) -> None:
    """S9, S14, S16: joins, leaves and deaths in any order; who leaves exits with 0; every row is exact.

    Commits are slowed down, so that each of these meets some in flight.
    """
    scene = await make_scene(proxied_kafka.broker.bootstrap, through=proxy.bootstrap, seed=91)
    proxy.arm(Fault(Api.END_TXN, delay_s=0.3, times=None))
    async with scene.open(workers=1):
        async with scene.load():
            await scene.ready(0)
            for _ in range(8):
                what, worker = choose(scene), scene.rng.choice(scene.workers.running)
                if what == "join":
                    scene.workers.start()
                elif what == "kill":
                    scene.workers.kill(worker)
                else:
                    assert await scene.stop(worker) == 0, scene.workers.logs()
                await asyncio.sleep(scene.rng.uniform(0.3, 2.5))
        await scene.check()
        assert scene.failures == 0, scene.workers.logs()


@pytest.mark.parametrize("step", STEPS, ids=lambda api: api.name.lower())
async def test_a_frozen_workers_commit_is_fenced(
    proxied_kafka: ProxiedKafka, proxy: Proxy, make_scene: MakeScene, step: Api
) -> None:
    """S10, S15: a worker that froze amid a commit, and whose partitions are taken over, adds nothing.

    The request that it had in hand reaches the broker only after the other worker has gone on.
    """
    scene = await make_scene(proxied_kafka.broker.bootstrap, through=proxy.bootstrap, seed=100 + step)
    async with scene.open(workers=1):
        async with scene.load():
            await scene.ready(0)
            frozen = scene.workers.running[0]
            fault = proxy.arm(Fault(step, delay_s=None))
            await fault.hits()
            freeze(frozen)
            scene.workers.start()
            await scene.ready(1)
            thaw(frozen)
            fault.release()

            async def fenced_or_back() -> bool:
                return frozen not in scene.workers.running or scene.log(0).count("assigned:") > 1

            await eventually(fenced_or_back, 20)
        await scene.check()


async def test_a_worker_that_froze_with_nothing_in_hand_comes_back(
    proxied_kafka: ProxiedKafka, proxy: Proxy, make_scene: MakeScene
) -> None:
    """S10, S13: it forgets what it knew, since another has counted on meanwhile, and works again."""
    scene = await make_scene(proxied_kafka.broker.bootstrap, through=proxy.bootstrap, seed=120)
    async with scene.open(workers=1):
        await scene.ready(0)
        frozen = scene.workers.running[0]
        await scene.publish(2_000)
        await scene.check_folded()
        freeze(frozen)
        other = scene.workers.start()
        await scene.ready(1)
        await scene.publish(2_000)
        await scene.check_folded()
        thaw(frozen)
        await scene.log_says(0, "restored", times=2)
        assert await scene.stop(other) == 0, scene.workers.logs()
        await scene.publish(2_000)
        await scene.check()
        assert scene.failures == 0, scene.workers.logs()
