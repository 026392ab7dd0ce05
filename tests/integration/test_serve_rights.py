"""A view on a Kafka with passwords and access rules: what the table of rights gives to readers is enough."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaProducer

from processor.broker import EmbeddedKafka
from processor.errors import TopicsError
from processor.rights import rights
from processor.serve import OutcomeView
from processor.settings import Settings, load_settings
from processor.topics import create
from schemas.topics import CHECKPOINTS, COMPONENT_STATS
from tests.guarded import ADMIN, allow, guarded_broker, user
from tests.served import stats
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

READER = "reader"


async def test_a_view_needs_no_more_than_a_readers_rights(
    own_broker: Callable[..., EmbeddedKafka], prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    """X10: without rights the topic is named; with fewer the workers are not watched; with all they are."""
    broker = await asyncio.to_thread(guarded_broker, own_broker, [READER])
    where = {"bootstrap": broker.bootstrap, "topic_prefix": prefix}
    admin, reader = load_settings(**where, **user(ADMIN)), load_settings(**where, **user(READER))
    await create(admin)
    async with AIOKafkaProducer(**admin.kafka_options()) as producer:
        key, value = stats("a", 1, 3)
        await producer.send_and_wait(admin.topic(COMPONENT_STATS), key=key, value=value)
    with pytest.raises(TopicsError, match=rf"no right .*{prefix}"):
        await OutcomeView.open(settings=reader)
    needed = rights("reader", admin)
    results = [right for right in needed if right.operation == "Read" and CHECKPOINTS not in right.name]
    await allow(admin.kafka_options(), READER, results)
    async with await opened(reader) as view:
        assert (view.success_rate("a"), view.pipeline) == (0.25, None)
    assert "how the workers are doing is not known" in caplog.text
    await allow(admin.kafka_options(), READER, needed)

    async def watched() -> bool:
        async with await opened(reader) as view:
            if view.pipeline is None:
                return False
            await view.pipeline.known()
            return view.pipeline.report()["state"] == "idle"

    await eventually(watched)


async def opened(settings: Settings) -> OutcomeView:
    """Open a view, once the rights that were just given have arrived at the broker."""
    views: list[OutcomeView] = []

    async def may() -> bool:
        with contextlib.suppress(TopicsError):
            views.append(await OutcomeView.open(settings=settings, more=True, history=True))
        return bool(views)

    await eventually(may)
    return views[0]
