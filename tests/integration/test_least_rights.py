"""Each role's rights are the least: what the table does not give, the broker refuses, request by request.

That they are enough for the whole job, `test_secured.py` shows.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from processor.generations import of_generation
from processor.rights import ROLES, Right, Role, rights
from processor.settings import Settings, load_settings
from processor.topics import create, verify
from schemas.topics import topics_of
from tests.attempts import ON_CLUSTER, ON_GROUP, ON_TOPIC, ON_TRANSACTIONAL_ID, is_refused
from tests.secured import Secured
from tests.stream import Stream
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

WAY = "SCRAM512"
# Kafka lets see a topic whoever may do more with it than look at its settings.
SHOWING = {"Read", "Write", "Delete"}


CASES = [*((role, 1) for role in ROLES), ("worker", 2), ("operator", 2)]


@pytest.mark.parametrize(("role", "generation"), CASES)
async def test_everything_else_is_refused(secured: Secured, role: Role, generation: int, prefix: str) -> None:
    """X10: every operation on every topic outside the rights, strange groups and ids, everyone's rights.

    In a rebuilt generation, too; the first one's topics are then as strange as another fleet's.
    """
    harness = secured.harness(prefix, generation=generation)
    foreign = secured.harness(f"{prefix}foreign-", app_id=f"foreign-{prefix}")
    for settings in (of_generation(harness, 1), harness, foreign):
        await create(settings)
    await Stream(harness.bootstrap, prefix, partitions=harness.partitions).publish(b"kept", partition=0)
    await secured.give(role, rights(role, harness))
    options = load_settings(**secured.told(WAY, role)).kafka_options()
    client = AIOKafkaAdminClient(**options)
    await client.start()
    try:
        seen = next(right.name for right in rights(role, harness) if right.operation in SHOWING)
        await eventually(lambda: arrived(client, seen))
        tried = [*on_topics(role, harness, foreign), *beside_topics(role, harness, foreign)]
        let = [what for what, request in tried if not is_refused(await client._send_request(request))]
    finally:
        await client.close()
    assert not let, "\n".join(let)
    assert len(tried) > 100
    assert await verify(harness) == []  # and nothing has changed


async def arrived(client: AIOKafkaAdminClient, topic: str) -> bool:
    """Whether the broker has read the rights: this topic may be seen."""
    (request,) = ON_TOPIC["Describe"]
    return not is_refused(await client._send_request(request(topic)))


def on_topics(role: Role, harness: Settings, foreign: Settings) -> Iterator[tuple[str, Any]]:
    """Every request on our topics, those of another fleet and one that is new, but for those of the table."""
    allowed: defaultdict[str, set[str]] = defaultdict(set)
    for right in rights(role, harness):
        allowed[right.name].add(right.operation)
        if right.operation in SHOWING:
            allowed[right.name].add("Describe")
    fleets = (of_generation(harness, 1), harness, foreign)
    known = {settings.topic(spec.name) for settings in fleets for spec in topics_of(settings.generation or 1)}
    for topic in [*sorted(known), harness.topic("new")]:
        for operation, attempts in ON_TOPIC.items():
            if operation not in allowed[topic]:
                yield from ((f"{operation} {topic}", attempt(topic)) for attempt in attempts)


def beside_topics(role: Role, harness: Settings, foreign: Settings) -> Iterator[tuple[str, Any]]:
    """Groups and transactional ids that are not the role's own, and everyone's rights."""
    allowed = rights(role, harness)
    for group in (foreign.app_id, harness.app_id, harness.group):
        if not is_in(allowed, "group", group):
            yield f"see the group {group}", ON_GROUP["Describe"](group)
        yield f"delete the group {group}", ON_GROUP["Delete"](group)
        if not is_in(allowed, "transactional-id", name := f"{group}-x-0"):
            yield f"shut out {name}", ON_TRANSACTIONAL_ID["Write"](name)
    for operation, attempt in ON_CLUSTER.items():
        yield f"{operation} rights", attempt(role)


def is_in(allowed: list[Right], resource: str, name: str) -> bool:
    """Whether any right is for this thing."""
    return any(
        right.resource == resource
        and (name.startswith(right.name) if right.is_prefix else name == right.name)
        for right in allowed
    )
