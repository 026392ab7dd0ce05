"""A transactional producer for one job: whoever starts it last shuts out all others that do the same.

So of two runs of a command at a time one goes on, and neither writes into the other's transaction.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, KafkaError, ProducerFenced

from processor.admin import explained
from processor.errors import FleetfoldError
from processor.settings import Settings

__all__ = ["Record", "fenced_producer", "send_all"]


@asynccontextmanager
async def fenced_producer(
    settings: Settings, transactional_id: str, shut_out: FleetfoldError, **options: Any
) -> AsyncIterator[AIOKafkaProducer]:
    """Start a producer, and close it in the end.

    Args:
        settings: where Kafka is.
        transactional_id: the job's.
        shut_out: raised where another took over.
        options: of aiokafka's producer, beside those that reach Kafka.

    Raises:
        FleetfoldError: `shut_out`.
        TopicsError, KafkaUnavailableError: as when writing to any topic.
    """
    asyncio.get_running_loop().set_exception_handler(_pass_over_the_fence)
    clients = settings.kafka_options()
    producer = AIOKafkaProducer(**clients, transactional_id=transactional_id, **options)
    try:
        await producer.start()
        yield producer
    except (ProducerFenced, IllegalOperation) as error:  # the second: shut out between two sends
        raise shut_out from error
    except KafkaError as error:
        raise await explained(error, clients) from error
    finally:
        await producer.stop()


@dataclass(frozen=True, slots=True)
class Record:
    """A record to be written."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


async def send_all(producer: AIOKafkaProducer, records: Iterable[Record]) -> list[Any]:
    """Send records in the transaction that is open; return where each was written.

    Each is awaited, whatever became of the others: asyncio complains of a failure that nobody looks at.

    Raises:
        KafkaError: the first that failed.
    """
    sends: list[asyncio.Future[Any]] = []
    try:
        for each in records:
            sent = await producer.send(
                each.topic, each.value, key=each.key, partition=each.partition, headers=list(each.headers)
            )
            sends.append(sent)
    except IllegalOperation:  # one of those before was refused already, and that is the reason
        await _settled(sends)
        raise
    except BaseException:
        await asyncio.gather(*sends, return_exceptions=True)
        raise
    return await _settled(sends)


async def _settled(sends: "Sequence[asyncio.Future[Any]]") -> list[Any]:
    """Return what became of all sends; raises the first that failed."""
    ends = await asyncio.gather(*sends, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException):
            raise end
    return ends


def _pass_over_the_fence(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Keep the log to one line: a producer that is shut out leaves futures of its own that nobody awaits."""
    if not isinstance(context.get("exception"), ProducerFenced):
        loop.default_exception_handler(context)
