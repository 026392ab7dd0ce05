"""Fetching in whole runs returns what aiokafka's own way returns: same records, same positions."""

from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from processor import lean_fetch
from tests.words import Words

pytestmark = pytest.mark.kafka

Found = list[tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes]]]]


@pytest.fixture
async def source(kafka: Any, prefix: str) -> tuple[str, TopicPartition]:
    """A partition with plain, keyed, committed, aborted and compressed records."""
    words = Words(kafka.bootstrap, prefix)
    await words.create_topics()
    topic, at = words.source, {"partition": 0}
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as plain:
        for number in range(50):
            await plain.send(topic, b"plain-%d" % number, **at)
        await plain.send_and_wait(topic, None, key=b"tombstone", headers=[("name", b"value")], **at)
    for round_number in range(6):
        name = f"{prefix}-{round_number % 2}"
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=name) as producer:
            await producer.begin_transaction()
            for number in range(20):
                await producer.send(topic, b"round-%d-%d" % (round_number, number), key=b"k", **at)
            await producer.flush()
            await (producer.abort_transaction() if round_number % 3 == 0 else producer.commit_transaction())
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, compression_type="gzip") as gzip:
        for number in range(30):
            await gzip.send(topic, b"gzip-%d" % number, **at)
    return kafka.bootstrap, TopicPartition(topic, 0)


async def read(
    bootstrap: str,
    partition: TopicPartition,
    isolation_level: str,
    limit: int | None,
    start: int,
    *,
    lean: bool,
) -> tuple[Found, int]:
    """Read to the end; return the records and the last position."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level=isolation_level, auto_offset_reset="none"
    )
    found: Found = []
    async with consumer:
        if lean:
            lean_fetch.install(consumer)
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        consumer.seek(partition, start)
        while await consumer.position(partition) < end:
            for records in (await consumer.getmany(timeout_ms=500, max_records=limit)).values():
                assert limit is None or len(records) <= limit
                found.extend((r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in records)
        return found, await consumer.position(partition)


@pytest.mark.parametrize("isolation_level", ["read_committed", "read_uncommitted"])
@pytest.mark.parametrize("limit", [None, 7, 1])
@pytest.mark.parametrize("start", [0, 13, 60])
async def test_both_ways_return_the_same(
    source: tuple[str, TopicPartition], isolation_level: str, limit: int | None, start: int
) -> None:
    """S15: aborted records are left out, markers passed over, and a seek into a batch is exact."""
    bootstrap, partition = source
    ours = await read(bootstrap, partition, isolation_level, limit, start, lean=True)
    theirs = await read(bootstrap, partition, isolation_level, limit, start, lean=False)
    assert ours == theirs
    values = {value for _, _, _, value, _ in ours[0] if value is not None}
    assert (b"round-0-0" in values) == (isolation_level == "read_uncommitted" and start < 60)
    assert b"gzip-29" in values
