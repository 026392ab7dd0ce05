"""Faults while a worker restores its state; and nothing that it restores from is ever deleted too early."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from processor.agents import Agents
from processor.app import engine_config
from processor.broker import EmbeddedKafka
from processor.engine.app import BatchApp
from processor.settings import Settings
from processor.tables import declare_tables
from processor.topics import verify
from schemas.topics import CHECKPOINTS, COMPONENT_DELTAS, HOST_LEDGER, OUTCOME_EVENTS, PAIR_DELTAS
from tests.faults.conftest import MakeScene
from tests.faults.network import ProxiedKafka
from tests.faults.scene import Scene
from tests.proxy import Api, Fault, Proxy
from tests.settled import committed, records_after
from tests.waiting import eventually
from tests.words import running

pytestmark = pytest.mark.kafka

StartBroker = Callable[..., EmbeddedKafka]
FORGETFUL = {
    "log.retention.ms": "500",
    "log.roll.ms": "500",
    "log.retention.check.interval.ms": "200",
    "log.initial.task.delay.ms": "200",  # else 30 s pass before the first look
}


async def start_to_restore(scene: Scene, proxy: Proxy) -> int:
    """Start a worker that gets no row of its first table; return its number once it waits for them."""
    number = scene.workers.started
    proxy.disarm()
    silence = proxy.arm(Fault(Api.FETCH, delay_s=None, times=None, match=HOST_LEDGER.encode()))
    scene.workers.start()
    await silence.hits()
    assert "restored" not in scene.log(number)
    return number


async def test_a_rebalance_during_recovery(
    proxied_kafka: ProxiedKafka, proxy: Proxy, make_scene: MakeScene
) -> None:
    """S9, S13: a worker joins while another restores, and leaves while that one restores again."""
    scene = await make_scene(proxied_kafka.broker.bootstrap, through=proxy.bootstrap, seed=131)
    async with scene.open(workers=0):
        await scene.publish(5_000)
        first = scene.workers.start()
        await scene.ready(0)
        await scene.check_folded()
        scene.workers.kill(first)
        async with scene.load():
            number = await start_to_restore(scene, proxy)
            second = scene.workers.start()
            await scene.log_says(number, "assigned:", times=2)
            scene.workers.kill(second)
            await scene.log_says(number, "assigned:", times=3)
            assert "restored" not in scene.log(number)
            proxy.disarm()
            await scene.log_says(number, "restored")
        await scene.check()
        assert scene.failures == 0, scene.workers.logs()


async def test_a_kill_during_recovery(
    proxied_kafka: ProxiedKafka, proxy: Proxy, make_scene: MakeScene
) -> None:
    """S8, S13: a worker dies while it restores, twice, and the next one restores everything."""
    scene = await make_scene(proxied_kafka.broker.bootstrap, through=proxy.bootstrap, seed=132)
    async with scene.open(workers=1):
        async with scene.load():
            await scene.ready(0)
            await asyncio.sleep(1)
            for _ in range(2):
                scene.workers.kill(scene.workers.running[0])
                await start_to_restore(scene, proxy)
            scene.workers.kill(scene.workers.running[0])
            proxy.disarm()
            scene.workers.start()
        await scene.check()


@pytest.mark.parametrize("topic", [CHECKPOINTS, HOST_LEDGER], ids=["checking the layout", "restoring"])
async def test_sigterm_while_the_broker_is_silent(
    proxied_kafka: ProxiedKafka, proxy: Proxy, make_scene: MakeScene, topic: str
) -> None:
    """S14: a worker that waits for the broker's answer at its start ends within 10 s of SIGTERM, with 0."""
    scene = await make_scene(proxied_kafka.broker.bootstrap, through=proxy.bootstrap, seed=133)
    async with scene.open(workers=0):
        silence = proxy.arm(Fault(Api.FETCH, delay_s=None, times=None, match=topic.encode()))
        worker = scene.workers.start()
        await silence.hits()
        assert await scene.stop(worker) == 0, scene.workers.logs()


async def test_an_outage_longer_than_any_retention(own_broker: StartBroker, make_scene: MakeScene) -> None:
    """S18: deltas that wait while the broker deletes all that may be deleted are folded all the same.

    Intake goes on alone; a topic that is not ours shows that the broker has deleted meanwhile.
    """
    broker = await asyncio.to_thread(own_broker, extra_config=FORGETFUL)
    scene = await make_scene(broker.bootstrap, seed=134)
    assert await verify(scene.settings) == []
    async with scene.open(workers=0):
        await scene.publish(5_000)
        async with running(intake_alone(scene.settings)):
            await eventually(lambda: is_folded(scene.settings, OUTCOME_EVENTS), 60)
            await scene.publish(1_000)  # the broker deletes from what was written once something follows
        await eventually(partial(is_deleted, broker.bootstrap, await other_topic(broker.bootstrap)), 60)
        assert not await is_folded(scene.settings, COMPONENT_DELTAS)
        assert not await is_folded(scene.settings, PAIR_DELTAS)
        scene.workers.start()
        await scene.check()


def intake_alone(settings: Settings) -> BatchApp:
    """The application without the agents that fold deltas."""
    app = BatchApp(engine_config(settings))
    intake = Agents(settings, declare_tables(app, settings)).intake
    app.fold_agent(settings.topic(OUTCOME_EVENTS), intake, name="intake")
    return app


async def is_folded(settings: Settings, name: str) -> bool:
    """Whether no record of a topic stands after the group's offsets."""
    partitions = [TopicPartition(settings.topic(name), number) for number in range(settings.partitions)]
    return await records_after(settings, await committed(settings, partitions)) == 0


async def other_topic(bootstrap: str) -> TopicPartition:
    """Make a topic that has no settings of its own, with something in it."""
    other = TopicPartition("not-ours", 0)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(other.topic, 1, 1)])
    finally:
        await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(other.topic, b"will go", partition=0)
    return other


async def is_deleted(bootstrap: str, partition: TopicPartition) -> bool:
    """Whether the broker has deleted from a partition."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        beginnings = await consumer.beginning_offsets([partition])
    return bool(beginnings[partition])
