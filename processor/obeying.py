"""What a rebuilt generation obeys: the corrections that there were when its rebuild began.

Void events it never counts: its router marks them. That a component was declared not deprecated is handed
on once all events are folded, since a revocation needs its component's row. It is a maximum: handed on again
by a rebuild that was stopped in between, or folded among later events, it comes to the same.
"""

from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from processor.admin import kafka_trouble
from processor.agents import FRAMING_BYTES, TAKEN_BACK
from processor.domain.corrections import Corrections, CorrectionsError
from processor.domain.packing import pack_taken_back
from processor.domain.stats import revocation
from processor.engine.errors import RefusedError
from processor.serve.alias import read_aliases
from processor.serve.reader import read_topic
from processor.settings import Settings
from schemas.topics import COMPONENT_DELTAS, CORRECTIONS

__all__ = ["hand_on_revocations", "obeyed"]


async def obeyed(settings: Settings) -> Corrections:
    """Return the corrections that the settings' generation obeys.

    Raises:
        RefusedError: one cannot be read by this version.
        TopicsError, KafkaUnavailableError: as when reading any topic.
    """
    made = (await read_aliases(settings)).built[settings.generation]
    values: list[bytes | None] = []

    def on_records(records: list[Any]) -> None:
        values.extend(record.value for record in records if record.offset < made.corrections)

    await read_topic(settings.topic(CORRECTIONS), settings.kafka_options(), on_records)
    try:
        return Corrections.from_records(values)
    except CorrectionsError as error:
        raise RefusedError(f"{settings.topic(CORRECTIONS)}: {error}") from error


async def hand_on_revocations(settings: Settings) -> bool:
    """Tell the settings' generation which components were declared not deprecated; return whether any were.

    Raises:
        RefusedError, TopicsError, KafkaUnavailableError: as `obeyed`.
    """
    changes = [
        (component, revocation(at_us), None)
        for component, at_us in (await obeyed(settings)).undeprecated_us.items()
    ]
    if not changes:
        return False
    options, topic = settings.kafka_options(), settings.topic(COMPONENT_DELTAS)
    limit_bytes = settings.max_message_bytes - FRAMING_BYTES
    try:
        async with AIOKafkaProducer(
            **options, enable_idempotence=True, max_request_size=settings.max_message_bytes
        ) as producer:
            for partition, value in pack_taken_back(changes, settings.partitions, limit_bytes):
                await producer.send_and_wait(topic, value, partition=partition, headers=TAKEN_BACK)
    except KafkaError as error:
        raise kafka_trouble(error, options) from error
    return True
