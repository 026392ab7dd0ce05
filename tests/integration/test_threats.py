"""What only a broker can refuse of what a hostile publisher sends."""

import gzip

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError

from processor.admin import admin_client
from processor.broker import EmbeddedKafka
from schemas.topics import OUTCOME_EVENTS
from tests.stream import Stream
from tests.waiting import eventually

pytestmark = pytest.mark.kafka


async def test_a_bomb_is_refused_by_the_broker(kafka: EmbeddedKafka, prefix: str) -> None:
    """Compressed bombs: with compression.type=uncompressed a batch's limit is that of what it unpacks to."""
    stream = await Stream(kafka.bootstrap, prefix).create_topics()
    topic = stream.settings.topic(OUTCOME_EVENTS)
    bomb = b"0" * (2 * stream.settings.max_message_bytes)  # twice what may be: more says no more
    assert len(gzip.compress(bomb)) < stream.settings.max_message_bytes
    options = {
        "bootstrap_servers": kafka.bootstrap,
        "compression_type": "gzip",
        "max_request_size": 2 * len(bomb),
    }
    async with AIOKafkaProducer(**options) as producer:
        await producer.send_and_wait(topic, bomb, partition=0)  # packed, it is small enough
        async with admin_client(stream.settings.kafka_options()) as admin:
            change = {"compression.type": "uncompressed"}
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, change)])

        async def is_refused() -> bool:
            try:
                await producer.send_and_wait(topic, bomb, partition=0)
            except MessageSizeTooLargeError:
                return True
            return False

        await eventually(is_refused)  # the partition hears of its new setting after the answer
