"""Each role's rights are the least: what the table does not give, the broker refuses, request by request.

That they are enough for the whole job, `test_secured.py` shows.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from processor.rights import ROLES, Role, rights
from processor.settings import Settings, load_settings
from processor.topics import create, verify
from schemas.topics import TOPICS
from tests.attempts import ON_CLUSTER, ON_GROUP, ON_TOPIC, ON_TRANSACTIONAL_ID, is_refused
from tests.secured import Secured
from tests.stream import Stream
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

WAY = "SCRAM512"
# Kafka lets see a topic whoever may do more with it than look at its settings.
SHOWING = {"Read", "Write", "Delete"}


@pytest.mark.parametrize("role", ROLES)
async def test_everything_else_is_refused(secured: Secured, role: Role, prefix: str) -> None:
    """X10: every operation on every topic outside the rights, strange groups and ids, everyone's rights."""
    harness = secured.harness(prefix)
    foreign = secured.harness(f"{prefix}foreign-", app_id=f"foreign-{prefix}")
    for settings in (harness, foreign):
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
    known = [settings.topic(spec.name) for settings in (harness, foreign) for spec in TOPICS]
    for topic in [*known, harness.topic("new")]:
        for operation, attempts in ON_TOPIC.items():
            if operation not in allowed[topic]:
                yield from ((f"{operation} {topic}", attempt(topic)) for attempt in attempts)


def beside_topics(role: Role, harness: Settings, foreign: Settings) -> Iterator[tuple[str, Any]]:
    """Groups and transactional ids that are not the role's own, and everyone's rights."""
    strange = [foreign.app_id] if role == "worker" else [foreign.app_id, harness.app_id]
    for app_id in strange:
        yield f"see the group {app_id}", ON_GROUP["Describe"](app_id)
        yield f"shut out {app_id}-x-0", ON_TRANSACTIONAL_ID["Write"](f"{app_id}-x-0")
    for app_id in (foreign.app_id, harness.app_id):
        yield f"delete the group {app_id}", ON_GROUP["Delete"](app_id)
    for operation, attempt in ON_CLUSTER.items():
        yield f"{operation} rights", attempt(role)
