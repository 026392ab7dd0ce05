"""What a test leaves on a broker that others use after it."""

import asyncio
import os
import signal
from collections.abc import Callable

import psutil
import pytest

from processor.admin import admin_client
from processor.broker import BrokerFailedError, EmbeddedKafka
from processor.settings import load_settings
from processor.topics import create
from tests.processes import wait_until_gone
from tests.shared import tidy
from tests.waiting import eventually

pytestmark = pytest.mark.kafka


async def prefixes_on(broker: EmbeddedKafka) -> set[str]:
    async with admin_client({"bootstrap_servers": broker.bootstrap}) as admin:
        return {name.partition("-")[0] for name in await admin.list_topics()}


def test_a_tests_topics_go_and_others_stay(own_broker: Callable[..., EmbeddedKafka]) -> None:
    """The broker of a whole run never holds the topics of more tests than one."""
    broker = own_broker()
    for prefix in ("mine-", "another-"):
        asyncio.run(create(load_settings(bootstrap=broker.bootstrap, topic_prefix=prefix)))
    tidy(broker, "mine-")
    tidy(broker, "nobodys-")

    async def only_the_other() -> bool:
        return await prefixes_on(broker) == {"another"}

    asyncio.run(eventually(only_the_other))


def test_who_ends_the_broker_is_told_and_the_next_has_one(own_broker: Callable[..., EmbeddedKafka]) -> None:
    """One error with the end of its log, not an error in each test that comes after."""
    broker = own_broker()
    guard = psutil.Process(broker.pid).parent()
    assert guard is not None
    os.kill(broker.pid, signal.SIGKILL)
    wait_until_gone(guard)
    with pytest.raises(BrokerFailedError, match=r"(?s)ended by itself.*Kafka Server started"):
        tidy(broker, "mine-")
    tidy(broker, "mine-")
