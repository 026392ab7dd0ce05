"""The embedded Kafka is a real one: transactions, and nothing lost that it acknowledged."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from processor.broker import (
    BrokerFailedError,
    BrokerStoppedError,
    DataDirInUseError,
    EmbeddedKafka,
    PortTakenError,
    StartProgress,
)
from processor.broker.ports import LOOPBACK
from tests.processes import is_gone

pytestmark = pytest.mark.kafka

StartBroker = Callable[..., EmbeddedKafka]


async def make_topic(bootstrap: str, topic: str, **client: Any) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **client)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


@contextlib.asynccontextmanager
async def producing(bootstrap: str, **client: Any) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **client)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def send(producer: AIOKafkaProducer, topic: str, values: Iterable[bytes]) -> None:
    for future in [await producer.send(topic, value) for value in values]:
        await future


async def read(bootstrap: str, topic: str, count: int, **client: Any) -> list[bytes]:
    """Read that many committed values from the start of a topic."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        **client,
    )
    await consumer.start()
    values: list[bytes] = []
    try:
        async with asyncio.timeout(60):
            while len(values) < count:
                records = await consumer.getmany(timeout_ms=1_000)
                values += [record.value for batch in records.values() for record in batch]
    finally:
        await consumer.stop()
    return values


async def test_only_committed_records_are_read(kafka: EmbeddedKafka, prefix: str) -> None:
    """S15: an aborted transaction is never seen by a reader with read_committed, a committed one is."""
    topic = f"{prefix}transactions"
    await make_topic(kafka.bootstrap, topic)
    async with producing(kafka.bootstrap, transactional_id=f"{prefix}writer") as producer:
        await producer.begin_transaction()
        await send(producer, topic, [b"aborted"])
        await producer.abort_transaction()
        await producer.begin_transaction()
        await send(producer, topic, [b"first", b"second"])
        await producer.commit_transaction()
    assert await read(kafka.bootstrap, topic, 2) == [b"first", b"second"]


async def test_kafka_has_taken_our_configuration(kafka: EmbeddedKafka) -> None:
    """X11: Kafka itself says that a topic is never made by asking for it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.BROKER, "1")])
    finally:
        await admin.close()
    values = {entry[0]: entry[1] for entry in answer.resources[0][4]}
    assert values["auto.create.topics.enable"] == "false"


async def test_data_outlives_a_restart(own_broker: StartBroker) -> None:
    """The same cluster, port and records after a clean stop: a client need not be told."""
    broker = own_broker()
    before = (broker.cluster_id, broker.port)
    await make_topic(broker.bootstrap, "kept")
    async with producing(broker.bootstrap) as producer:
        await send(producer, "kept", [b"one", b"two"])
    await asyncio.to_thread(broker.restart)
    assert (broker.cluster_id, broker.port) == before
    assert await read(broker.bootstrap, "kept", 2) == [b"one", b"two"]


async def test_data_outlives_a_kill(own_broker: StartBroker) -> None:
    """S11: after SIGKILL all that was acknowledged is there, and an open transaction is not visible."""
    broker = own_broker()
    await make_topic(broker.bootstrap, "kept")
    values = [b"%d" % number for number in range(5_000)]
    async with contextlib.AsyncExitStack() as stack:
        producer = await stack.enter_async_context(producing(broker.bootstrap))
        await send(producer, "kept", values)
        opened = await stack.enter_async_context(producing(broker.bootstrap, transactional_id="open"))
        await opened.begin_transaction()
        await send(opened, "kept", [b"open"])
        jvm = psutil.Process(broker.pid)
        await asyncio.to_thread(broker.kill)
        assert is_gone(jvm)
        assert not broker.running()
        await asyncio.to_thread(broker.restart)
        await opened.abort_transaction()  # the same client goes on, on the same port
        await send(producer, "kept", [b"after"])
    assert await read(broker.bootstrap, "kept", len(values) + 1) == [*values, b"after"]


async def test_data_is_there_for_the_next_broker(own_broker: StartBroker, tmp_path: Path) -> None:
    """X9: what `fleetfold broker` holds today is served tomorrow, from a folder of any name."""
    folder = tmp_path / " kept: 100 % \\ über 数据"
    first = own_broker(data_dir=folder)
    await make_topic(first.bootstrap, "kept")
    async with producing(first.bootstrap) as producer:
        await send(producer, "kept", [b"one"])
    cluster_id = first.cluster_id
    await asyncio.to_thread(first.stop)
    second = await asyncio.to_thread(own_broker, data_dir=folder)
    assert second.cluster_id == cluster_id
    assert await read(second.bootstrap, "kept", 1) == [b"one"]


def test_a_scratch_folder_is_removed() -> None:
    """Without a data folder nothing stays behind, on disk or running."""
    with EmbeddedKafka() as broker:
        folder, jvm = broker.data_dir, psutil.Process(broker.pid)
        assert folder.exists()
    assert not folder.exists()
    assert is_gone(jvm)


def test_a_data_folder_has_one_broker(own_broker: StartBroker) -> None:
    """X10: the second broker on a folder is told so; the first goes on."""
    first = own_broker()
    with pytest.raises(DataDirInUseError, match="another broker runs on the data folder") as caught:
        own_broker(data_dir=first.data_dir)
    assert caught.value.exit_code == 2
    assert first.running()


def test_a_taken_port_is_named(own_broker: StartBroker) -> None:
    """X10: a port that was asked for and is taken stops the start; its data folder is free again."""
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} on {LOOPBACK} is taken") as caught:
            own_broker(port=port)
    assert caught.value.exit_code == 2
    assert own_broker(port=port).port == port


def test_a_failed_start_shows_kafkas_own_words(own_broker: StartBroker) -> None:
    """X10: a configuration that Kafka refuses is told with the end of its log, and nothing is left."""
    with pytest.raises(BrokerFailedError, match=r"num\.io\.threads"):
        own_broker(extra_config={"num.io.threads": "0"})


def test_a_start_that_takes_too_long_is_ended(own_broker: StartBroker) -> None:
    """A start has an end, one way or the other."""
    broker = own_broker()
    broker.stop()
    with pytest.raises(BrokerFailedError, match="was not ready within 0 s"):
        broker.start(timeout_s=0)
    assert not broker.running()
    broker.start()


def test_a_start_can_be_broken_off(tmp_path: Path) -> None:
    """`stop` from another thread ends a start that is under way."""
    stopping: list[threading.Thread] = []

    def stop_once_java_starts(progress: StartProgress) -> None:
        if progress.stage == "start":
            stopping.append(threading.Thread(target=broker.stop))
            stopping[0].start()

    broker = EmbeddedKafka(tmp_path, on_progress=stop_once_java_starts)
    with pytest.raises(BrokerStoppedError):
        broker.start()
    stopping[0].join()
    assert not broker.running()


def test_a_broker_that_ends_by_itself_is_noticed(own_broker: StartBroker) -> None:
    """Who waits for a broker is not left waiting when Java is gone, and can start it again."""
    broker = own_broker()
    psutil.Process(broker.pid).kill()
    with pytest.raises(BrokerFailedError, match="ended by itself"):
        broker.wait()
    assert not broker.running()
    broker.start()
    assert broker.running()


async def test_a_listener_can_ask_for_a_password(own_broker: StartBroker) -> None:
    """S7's ground: security comes by `extra_config` and `format_args`, and is Kafka's own."""
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    broker = own_broker(
        extra_config={
            "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
            "sasl.enabled.mechanisms": "SCRAM-SHA-256",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-256",
            "listener.name.client.scram-sha-256.sasl.jaas.config": (
                f'{scram} username="admin" password="broker-word";'
            ),
        },
        format_args=[
            f"--add-scram=SCRAM-SHA-256=[name={user},password={word}]"
            for user, word in (("admin", "broker-word"), ("reader", "reader-word"))
        ],
    )
    client = {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "reader",
        "sasl_plain_password": "reader-word",
    }
    await make_topic(broker.bootstrap, "guarded", **client)
    async with producing(broker.bootstrap, **client) as producer:
        await send(producer, "guarded", [b"seen"])
    assert await read(broker.bootstrap, "guarded", 1, **client) == [b"seen"]
