"""Three Kafka nodes, of which one dies under load: what was acknowledged is there, and counted once."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from processor.broker import EmbeddedCluster
from processor.settings import Settings
from processor.topics import required_config
from schemas.topics import TOPICS
from tests.deploy.test_compose import DURABLE, KAFKA, properties
from tests.faults.conftest import MakeScene
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

RATE = 500  # events/s: three brokers and two workers share the machine


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    """Three nodes with the settings that compose.yaml gives its own."""
    told = properties(KAFKA[0])
    durable = {name: told[name] for name in (*DURABLE, "unclean.leader.election.enable")}
    with EmbeddedCluster(tmp_path_factory.mktemp("nodes"), extra_config=durable) as running:
        yield running


async def copies(settings: Settings) -> list[Mapping[str, Any]]:
    """Every partition of our topics, with who has it and who is in sync; a node that is away is not asked."""
    admin = AIOKafkaAdminClient(**settings.kafka_options())
    await admin.start()
    try:
        told = await admin.describe_topics([settings.topic(spec.name) for spec in TOPICS])
    finally:
        await admin.close()
    return [partition for topic in told for partition in topic["partitions"]]


async def test_a_node_dies_under_load(cluster: EmbeddedCluster, make_scene: MakeScene) -> None:
    """S11, S16: a partition's leader is killed amid commits: nothing acknowledged is lost, all counted once.

    Publishers and workers write with acks=all, and two of three copies must be in sync: the other two nodes
    go on without it, and it comes back behind them.
    """
    scene = await make_scene(cluster.bootstrap, seed=121, replication_factor=3)
    placed = await copies(scene.settings)
    assert all(len(partition["replicas"]) == 3 for partition in placed)
    leader = cluster.nodes[placed[0]["leader"] - 1]

    async def all_in_sync() -> bool:
        return all(len(partition["isr"]) == 3 for partition in await copies(scene.settings))

    async with scene.open(workers=2):
        async with scene.load(RATE):
            await scene.ready(0)
            await scene.ready(1)
            await asyncio.to_thread(leader.kill)
            before = len(scene.published)

            async def goes_on() -> bool:
                return len(scene.published) > before + 3 * RATE

            await eventually(goes_on)
            await asyncio.to_thread(leader.start)
            await eventually(all_in_sync)
        await scene.check()


async def test_topics_have_what_keeps_them(cluster: EmbeddedCluster, make_scene: MakeScene) -> None:
    """`topics create` makes topics of three copies, and the nodes want two of them in sync."""
    scene = await make_scene(cluster.bootstrap, replication_factor=3)
    admin = AIOKafkaAdminClient(**scene.settings.kafka_options())
    await admin.start()
    try:
        for spec in TOPICS:
            name = scene.settings.topic(spec.name)
            (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
            told = {entry[0]: entry[1] for resource in answer.resources for entry in resource[4]}
            assert told["min.insync.replicas"] == "2"
            assert told["unclean.leader.election.enable"] == "false"
            assert told.items() >= required_config(spec, scene.settings).items()
    finally:
        await admin.close()
