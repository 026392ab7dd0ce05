"""Topics on a real broker: created once, never changed, verified against the contract (X10, X11)."""

import pytest
from aiokafka.admin import NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from processor.admin import admin_client
from processor.broker import EmbeddedKafka
from processor.errors import KafkaUnavailableError, TopicsError
from processor.settings import Settings, load_settings
from processor.topics import Problem, create, verify
from schemas.topics import COMPONENT_STATS, OUTCOME_EVENTS, PAIR_DELTAS, TOPICS
from tests.waiting import eventually

pytestmark = pytest.mark.kafka


@pytest.fixture
def settings(kafka: EmbeddedKafka, prefix: str) -> Settings:
    return load_settings(bootstrap=kafka.bootstrap, topic_prefix=prefix, partitions=3)


async def problems_found(settings: Settings) -> list[Problem]:
    """Return the problems once there are some: a broker shows a change a moment after it took it."""
    problems: list[Problem] = []

    async def some() -> bool:
        problems[:] = await verify(settings)
        return bool(problems)

    await eventually(some)
    return problems


async def test_created_topics_are_verified(settings: Settings) -> None:
    """All topics are created with leaders, and the worker's check has nothing to say about them."""
    assert await create(settings) == [settings.topic(spec.name) for spec in TOPICS]
    async with admin_client(settings.kafka_options()) as client:
        leaders = await client.leaders([settings.topic(spec.name) for spec in TOPICS])
    single = {settings.topic(spec.name) for spec in TOPICS if spec.one_order}
    assert {name for name, partitions in leaders.items() if len(partitions) != 3} == single
    assert all(leader >= 0 for partitions in leaders.values() for leader in partitions)
    assert await verify(settings) == []


async def test_missing_topics_are_named_and_not_made(settings: Settings) -> None:
    """X10: verifying names every missing topic, and asking for it does not make it."""
    for _ in range(2):
        problems = await verify(settings)
        assert [problem.what for problem in problems] == ["is missing"] * len(TOPICS)


async def test_an_existing_topic_is_never_changed(settings: Settings) -> None:
    """X11: creating again makes only what is missing; a wrong topic stays, and is reported."""
    name = settings.topic(COMPONENT_STATS)
    async with admin_client(settings.kafka_options()) as client:
        await client.create_topics([NewTopic(name, 3, 1)])
    assert name not in await create(settings)
    assert await create(settings) == []
    (problem,) = await verify(settings)
    assert problem.topic == name
    assert "cleanup.policy=delete" in problem.what


async def test_a_setting_changed_later_is_found(settings: Settings) -> None:
    """X11: a retention that someone puts on the events is found, as the broker reports it."""
    await create(settings)
    name = settings.topic(OUTCOME_EVENTS)
    change = {
        "retention.ms": "1000000",
        "cleanup.policy": "delete",
        "message.timestamp.type": "LogAppendTime",
    }
    async with admin_client(settings.kafka_options()) as client:
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, change)])
    (problem,) = await problems_found(settings)
    assert problem.topic == name
    assert "retention.ms=1000000" in problem.what


async def test_partitions_added_are_found(settings: Settings) -> None:
    """X11: partitions that were added to one topic stop the worker."""
    await create(settings)
    name = settings.topic(PAIR_DELTAS)
    async with admin_client(settings.kafka_options()) as client:
        await client.create_partitions({name: NewPartitions(6)})
    (problem,) = await problems_found(settings)
    assert (problem.topic, problem.what) == (name, "has 6 partitions, and 3 partitions are wanted")


async def test_other_partitions_than_those_there_are_refused(settings: Settings) -> None:
    """X11: creating with another count beside existing topics is refused, and says what to set."""
    await create(settings)
    with pytest.raises(TopicsError, match=r"FLEETFOLD_PARTITIONS=3"):
        await create(settings.model_copy(update={"partitions": 4}))


async def test_more_copies_than_brokers_is_said(settings: Settings) -> None:
    """X10: what the broker refuses is passed on as one line with the topic's name."""
    with pytest.raises(TopicsError, match=r"cannot create the topic .*outcome-events.*eplication factor"):
        await create(settings.model_copy(update={"replication_factor": 3}))


async def test_unreachable_broker(unused_port: int) -> None:
    """X10: no broker is one line that says where."""
    settings = load_settings(bootstrap=f"127.0.0.1:{unused_port}")
    for ask in (create, verify):
        with pytest.raises(KafkaUnavailableError, match=f"no Kafka answers at 127.0.0.1:{unused_port}"):
            await ask(settings)


@pytest.fixture
def unused_port() -> int:
    return 9  # the discard port, which nothing serves any more
