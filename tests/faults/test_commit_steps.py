"""A commit that fails at any of its steps, before or after the broker heard of it, counts once."""

import pytest

from tests.faults.conftest import MakeScene
from tests.faults.network import ProxiedKafka
from tests.proxy import Api, Fault, Proxy

pytestmark = pytest.mark.kafka

STEPS = (
    Api.INIT_PRODUCER_ID,
    Api.ADD_PARTITIONS_TO_TXN,
    Api.PRODUCE,
    Api.ADD_OFFSETS_TO_TXN,
    Api.TXN_OFFSET_COMMIT,
    Api.END_TXN,
)
CHUNK = 400


@pytest.mark.parametrize("after", [False, True], ids=["unheard", "unanswered"])
async def test_a_dropped_connection_at_each_step(
    proxied_kafka: ProxiedKafka, proxy: Proxy, make_scene: MakeScene, after: bool
) -> None:
    """S8, S16: the connection drops at each step of a commit in turn; all is exact after each."""
    scene = await make_scene(proxied_kafka.broker.bootstrap, through=proxy.bootstrap, seed=31 + after)
    async with scene.open(workers=1):
        await scene.ready(0)
        for step in STEPS:
            fault = proxy.arm(Fault(step, after=after))
            if step is Api.INIT_PRODUCER_ID:
                scene.workers.kill(scene.workers.running[0])
                scene.workers.start()
            await scene.publish(CHUNK)
            await fault.hits()
            await scene.check_folded()
        await scene.check()


@pytest.mark.parametrize("after", [False, True], ids=["late", "answered late"])
async def test_a_delay_over_the_request_timeout_at_each_step(
    proxied_kafka: ProxiedKafka, proxy: Proxy, make_scene: MakeScene, after: bool
) -> None:
    """S16: each step takes longer than a worker waits for, so that it is asked for twice; once counts."""
    scene = await make_scene(
        proxied_kafka.broker.bootstrap, through=proxy.bootstrap, seed=41 + after, request_timeout_s=1
    )
    async with scene.open(workers=1):
        await scene.ready(0)
        for step in STEPS[1:]:
            fault = proxy.arm(Fault(step, after=after, delay_s=1.8))
            await scene.publish(CHUNK)
            await fault.hits()
        await scene.check()


async def test_an_end_that_arrives_in_the_next_transaction(
    proxied_kafka: ProxiedKafka, proxy: Proxy, make_scene: MakeScene
) -> None:
    """S8, S15: the first copy of a commit's last request arrives while the next commit is half done.

    The worker asked again on another connection and went on. Were the first copy obeyed, it would commit the
    next batch's outputs without its offset, and a crash then counts that batch twice.
    """
    scene = await make_scene(
        proxied_kafka.broker.bootstrap,
        through=proxy.bootstrap,
        seed=51,
        partitions=1,
        request_timeout_s=1,
    )
    async with scene.open(workers=1):
        await scene.ready(0)
        end = proxy.arm(Fault(Api.END_TXN, delay_s=None))
        await scene.publish(CHUNK)
        await end.hits()
        await scene.check_folded()
        offsets = proxy.arm(Fault(Api.ADD_OFFSETS_TO_TXN, delay_s=None, times=None))
        await scene.publish(CHUNK)
        await offsets.hits()
        end.release()
        await end.is_over()
        scene.workers.kill(scene.workers.running[0])
        proxy.disarm()
        scene.workers.start()
        await scene.check()
