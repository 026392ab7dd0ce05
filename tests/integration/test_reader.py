"""The snapshot reader on a real broker: committed rows only, all of them, and nothing made by asking."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from processor.admin import admin_client
from processor.broker import EmbeddedKafka
from processor.errors import KafkaUnavailableError, TopicsError
from processor.serve.reader import read_snapshot
from processor.settings import Settings, load_settings
from tests.waiting import eventually

pytestmark = pytest.mark.kafka


@pytest.fixture
def settings(kafka: EmbeddedKafka, prefix: str) -> Settings:
    return load_settings(bootstrap=kafka.bootstrap, topic_prefix=prefix)


@pytest.fixture
async def topic(settings: Settings) -> str:
    name = settings.topic("rows")
    async with admin_client(settings.kafka_options()) as client:
        await client.create_topics([NewTopic(name, 3, 1, topic_configs={"cleanup.policy": "compact"})])

        async def led() -> bool:
            return [leader >= 0 for leader in (await client.leaders([name])).get(name, [])] == [True] * 3

        await eventually(led)
    return name


@pytest.fixture
async def transactional(settings: Settings, topic: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(**settings.kafka_options(), transactional_id=f"{topic}-writer")
    async with producer:
        yield producer


async def test_empty_topic_has_no_rows(settings: Settings, topic: str) -> None:
    """A topic without records is read at once."""
    snapshot = await read_snapshot(topic, settings.kafka_options())
    assert snapshot.rows == {}
    assert snapshot.offsets == {0: 0, 1: 0, 2: 0}


async def test_last_value_counts_and_tombstones_delete(settings: Settings, topic: str) -> None:
    """S6: the newest value of a key is its row, and a tombstone takes the row away."""
    async with AIOKafkaProducer(**settings.kafka_options()) as producer:
        for key, value in ((b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"b", None), (b"c", b""), (b"d", None)):
            await producer.send_and_wait(topic, key=key, value=value)
    counted: list[int] = []
    snapshot = await read_snapshot(topic, settings.kafka_options(), counted.append)
    assert snapshot.rows == {b"a": b"2", b"c": b""}
    assert sum(counted) == 6


async def test_aborted_rows_are_never_seen(
    settings: Settings, topic: str, transactional: AIOKafkaProducer
) -> None:
    """S15: an aborted transaction leaves no row, and its markers at the end do not stop the reader."""
    async with transactional.transaction():
        await transactional.send(topic, key=b"a", value=b"kept")
    await transactional.begin_transaction()
    for key in (b"a", b"b"):
        await (await transactional.send(topic, key=key, value=b"aborted"))
    await transactional.abort_transaction()
    snapshot = await read_snapshot(topic, settings.kafka_options())
    assert snapshot.rows == {b"a": b"kept"}
    assert sum(snapshot.offsets.values()) > 1  # markers and aborted records have offsets too


async def test_open_transaction_is_waited_for_and_named(
    settings: Settings, topic: str, transactional: AIOKafkaProducer
) -> None:
    """A transaction that stands open hides what is behind it: the reader says so."""
    await transactional.begin_transaction()
    await (await transactional.send(topic, key=b"a", value=b"1", partition=1))
    async with AIOKafkaProducer(**settings.kafka_options()) as producer:
        await producer.send_and_wait(topic, key=b"b", value=b"behind", partition=1)
    with pytest.raises(KafkaUnavailableError, match=r"partition 1 .* transaction may stand open"):
        await read_snapshot(topic, settings.kafka_options(), patience_s=1.0)
    await transactional.commit_transaction()
    snapshot = await read_snapshot(topic, settings.kafka_options())
    assert snapshot.rows == {b"a": b"1", b"b": b"behind"}


async def test_many_rows_arrive_in_runs(settings: Settings, topic: str) -> None:
    """More rows than fit one run are all read, from every partition."""
    rows = {f"key-{number}".encode(): b"x" * 100 for number in range(30_000)}
    async with AIOKafkaProducer(**settings.kafka_options(), linger_ms=20) as producer:
        for key, value in rows.items():
            await producer.send(topic, key=key, value=value)
    snapshot = await read_snapshot(topic, settings.kafka_options())
    assert snapshot.rows == rows
    assert sum(snapshot.offsets.values()) == len(rows)


async def test_a_missing_topic_is_named_and_stays_missing(settings: Settings) -> None:
    """X10: reading a topic that is not there says so, and does not make it."""
    for _ in range(2):
        with pytest.raises(TopicsError, match=r"there is no topic .*-nowhere: .*topics create"):
            await read_snapshot(f"{settings.topic_prefix}-nowhere", settings.kafka_options())
