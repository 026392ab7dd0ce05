"""Writes a single record, so that none is lost: for the topics that hold decisions of people."""

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from processor.admin import explained
from processor.settings import Settings

__all__ = ["write_record"]


async def write_record(settings: Settings, topic: str, key: bytes, value: bytes) -> None:
    """Write a record to a topic of one partition, and return once Kafka has it.

    Args:
        settings: where Kafka is.
        topic: the topic's full name.
        key: the record's key.
        value: its value.

    Raises:
        TopicsError: no such topic, or no right to write it.
        KafkaUnavailableError: no broker answers.
    """
    options = settings.kafka_options()
    producer = AIOKafkaProducer(**options, enable_idempotence=True)
    try:
        await producer.start()
        await producer.send_and_wait(topic, value, key=key, partition=0)
    except KafkaError as error:
        raise await explained(error, options) from error
    finally:
        await producer.stop()
