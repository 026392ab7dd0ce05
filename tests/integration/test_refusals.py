"""S17, X11: what does not fit together stops the start of a real worker, with exit code 2 and what to do."""

import os
import subprocess
import sys
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import for_code
from aiokafka.protocol.admin import DeleteGroupsRequest
from aiokafka.structs import OffsetAndMetadata

from processor.domain.partition import partition_of
from processor.settings import Settings
from schemas.topics import COMPONENT_DELTAS, OUTCOME_EVENTS, TOPICS
from tests.records import event, uuid_of
from tests.settled import check_settled, committed, partitions_of
from tests.stream import Stream

pytestmark = pytest.mark.kafka


@pytest.fixture
async def stream(kafka: Any, prefix: str) -> Stream:
    """A stream that has folded ten events."""
    made = await Stream(kafka.bootstrap, prefix).create_topics()
    await made.publish(*(event(event_id=uuid_of(number)) for number in range(10)))
    await made.fold()
    return made


def worker(settings: Settings, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `fleetfold worker` until it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "processor.cli.main", "worker"],
        env=os.environ
        | {
            "FLEETFOLD_BOOTSTRAP": settings.bootstrap,
            "FLEETFOLD_TOPIC_PREFIX": settings.topic_prefix,
            "FLEETFOLD_APP_ID": settings.app_id,
            "FLEETFOLD_PARTITIONS": str(settings.partitions),
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


async def test_a_group_that_was_deleted_changes_nothing(stream: Stream) -> None:
    """S17: a week idle deletes the group and its offsets; the worker goes on from its checkpoints."""
    settings = stream.settings
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap)
    await admin.start()
    try:
        coordinator = await admin.find_coordinator(settings.app_id)
        answer = await admin._send_request(DeleteGroupsRequest([settings.app_id]), coordinator)
        for _group, code in answer.results:
            assert code == 0, for_code(code)
    finally:
        await admin.close()
    assert set((await committed(settings, partitions_of(settings, [OUTCOME_EVENTS]))).values()) == {0}
    await stream.publish(event(event_id=uuid_of(100)), event(event_id=uuid_of(3)))
    await stream.fold()
    assert (await stream.stats())["pkg:deb/debian/curl"]["install_failures"] == 11


async def test_a_moved_group_offset_is_refused(stream: Stream) -> None:
    """S17: an operator's reset of the offsets is not obeyed silently, and the way back is named."""
    source = partition_with_events(stream)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=stream.settings.bootstrap, group_id=stream.settings.app_id, enable_auto_commit=False
    )
    consumer.assign([source])
    async with consumer:
        await consumer.commit({source: OffsetAndMetadata(0, "")})
    ended = worker(stream.settings)
    assert ended.returncode == 2
    assert "was moved to 0" in ended.stdout
    assert "--to-offset 10 --execute" in ended.stdout
    assert "Traceback" not in ended.stdout


async def test_events_deleted_before_they_were_counted_are_refused(stream: Stream) -> None:
    """S17: a checkpoint outside the log: a gap must not pass for silence."""
    source = partition_with_events(stream)
    async with AIOKafkaProducer(bootstrap_servers=stream.settings.bootstrap) as producer:
        for _ in range(5):
            await producer.send_and_wait(source.topic, b"{}", partition=source.partition)
    admin = AIOKafkaAdminClient(bootstrap_servers=stream.settings.bootstrap)
    await admin.start()
    try:
        await admin.delete_records({source: RecordsToDelete(before_offset=13)})
    finally:
        await admin.close()
    ended = worker(stream.settings)
    assert ended.returncode == 2
    assert "the checkpoint 10 lies outside the log (13 to 15)" in ended.stdout


async def test_added_partitions_are_refused(stream: Stream) -> None:
    """S17, X11: more partitions would split every host's state, on one topic or on all."""
    settings = stream.settings
    await add_partitions(settings, [COMPONENT_DELTAS])
    ended = worker(settings)
    assert ended.returncode == 2
    assert (
        f"{settings.topic(COMPONENT_DELTAS)}: has 8 partitions, and 4 partitions are wanted" in ended.stdout
    )
    others = [spec.name for spec in TOPICS if spec.name != COMPONENT_DELTAS and not spec.one_order]
    await add_partitions(settings, others)
    ended = worker(settings, FLEETFOLD_PARTITIONS="8")
    assert ended.returncode == 2
    assert "partitions: stored 4, now 8" in ended.stdout


async def test_another_session_gap_is_refused(stream: Stream) -> None:
    """S17: sessions that were made with another gap are not mixed with new ones."""
    ended = worker(stream.settings, FLEETFOLD_SESSION_GAP_S="30")
    assert ended.returncode == 2
    assert "session_gap_s: stored 60, now 30" in ended.stdout


async def test_a_worker_that_was_refused_has_changed_nothing(stream: Stream) -> None:
    """S17: after the setting is put back, the next worker goes on as if nothing had been."""
    assert worker(stream.settings, FLEETFOLD_SESSION_GAP_S="30").returncode == 2
    await stream.publish(event(event_id=uuid_of(100)))
    await stream.fold()
    assert (await stream.stats())["pkg:deb/debian/curl"]["install_failures"] == 11
    await check_settled(stream.settings)


async def add_partitions(settings: Settings, names: list[str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap)
    await admin.start()
    try:
        await admin.create_partitions({settings.topic(name): NewPartitions(total_count=8) for name in names})
    finally:
        await admin.close()


def partition_with_events(stream: Stream) -> TopicPartition:
    """Where the fixture's host lives."""
    topic = stream.settings.topic(OUTCOME_EVENTS)
    return TopicPartition(topic, partition_of(b"host-1", stream.settings.partitions))
