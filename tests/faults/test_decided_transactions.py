"""What holds of the Kafka under us when it dies amid commits; a version that breaks it must not be locked."""

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from processor.broker import EmbeddedKafka
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

PRODUCERS = 24
PARTITIONS = [TopicPartition("decided", number) for number in range(12)]
ROUNDS = 3


async def test_decided_transactions_are_finished_after_a_crash(
    own_broker: Callable[..., EmbeddedKafka],
) -> None:
    """S11, S15: whose commit was decided when the broker died is whole and visible once it is back.

    Kafka 4.3.1 left such transactions open for ever: a worker then waits for rows that nobody can read.
    """
    broker = await asyncio.to_thread(own_broker)
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(PARTITIONS[0].topic, len(PARTITIONS), 1)])
    await admin.close()
    for number in range(ROUNDS):
        await die_amid_commits(broker, f"{number}".encode())
        async with contextlib.AsyncExitStack() as stack:
            for one in producers(broker):  # fences what was open
                await stack.enter_async_context(one)
        await eventually(lambda: nothing_is_open(broker.bootstrap), 30)
    for whole in (await read_committed(broker.bootstrap)).values():
        assert whole == len(PARTITIONS)


def producers(broker: EmbeddedKafka) -> list[AIOKafkaProducer]:
    return [
        AIOKafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=f"decided-{number}")
        for number in range(PRODUCERS)
    ]


async def die_amid_commits(broker: EmbeddedKafka, mark: bytes) -> None:
    """Let every producer commit at once, and kill the broker as soon as one is told that it is done."""
    running = producers(broker)
    await asyncio.gather(*(one.start() for one in running))
    for number, one in enumerate(running):
        await one.begin_transaction()
        value = b"%s by %d" % (mark, number)
        await asyncio.gather(*[await one.send(tp.topic, value, partition=tp.partition) for tp in PARTITIONS])
    commits = [asyncio.create_task(one.commit_transaction()) for one in running]
    await asyncio.wait(commits, return_when=asyncio.FIRST_COMPLETED)
    os.kill(broker.pid, signal.SIGKILL)
    await asyncio.to_thread(broker.kill)
    senders = [one._sender.sender_task for one in running]  # each would ask for ever
    for task in (*commits, *senders):
        task.cancel()
    await asyncio.wait((*commits, *senders))
    await asyncio.gather(*(one.stop() for one in running))
    await asyncio.to_thread(broker.restart)


async def nothing_is_open(bootstrap: str) -> bool:
    found = []
    for level in ("read_committed", "read_uncommitted"):
        async with AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level=level) as consumer:
            found.append(await consumer.end_offsets(PARTITIONS))
    return bool(found[0] == found[1])


async def read_committed(bootstrap: str) -> Counter[bytes]:
    """How often each value stands in the topic: once in each partition, if its transaction is whole."""
    found: Counter[bytes] = Counter()
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    ) as consumer:
        consumer.assign(PARTITIONS)
        ends = await consumer.end_offsets(PARTITIONS)
        for tp in PARTITIONS:
            while await consumer.position(tp) < ends[tp]:
                for records in (await consumer.getmany(tp, timeout_ms=100)).values():
                    found.update(record.value for record in records)
    return found
