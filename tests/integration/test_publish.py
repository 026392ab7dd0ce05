"""Publishing and importing into a real Kafka, by hand and by command."""

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from processor import topics
from processor.admin import admin_client
from processor.broker import EmbeddedKafka
from processor.errors import KafkaUnavailableError
from processor.publish.bookmark import open_bookmarks
from processor.publish.importer import ImportSummary, read_chunks, send_chunks
from processor.publish.importers.base import Source
from processor.publish.importers.dpkg import DpkgImporter
from processor.publish.logfiles import find_logs
from processor.publish.publisher import EventPublisher, PublishError, open_publisher
from processor.settings import Settings
from schemas import ComponentOutcome, OutcomeType
from schemas.topics import OUTCOME_EVENTS
from schemas.wire import validate_event
from tests.importing import CrashError

pytestmark = pytest.mark.kafka

DPKG = DpkgImporter()
DATA = Path(__file__).parents[1] / "data" / "dpkg"


async def made(kafka: EmbeddedKafka, prefix: str, **others: Any) -> Settings:
    """Return settings for a test's own topics, which are there."""
    settings = Settings(bootstrap=kafka.bootstrap, topic_prefix=prefix, **others)
    await topics.create(settings)
    return settings


async def records_of(settings: Settings) -> list[Any]:
    """Return all records of the test's outcome-events, partition by partition."""
    topic = settings.topic(OUTCOME_EVENTS)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(settings.partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        found: list[Any] = []
        while len(found) < sum(ends.values()):
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                found += records
        return found
    finally:
        await consumer.stop()


def outcome(number: int, host: str) -> ComponentOutcome:
    at = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    return ComponentOutcome(
        component_id=f"c{number}", outcome_type=OutcomeType.INSTALL_SUCCESS, timestamp=at, host_id=host
    )


async def test_records_on_the_topic(kafka: EmbeddedKafka, prefix: str) -> None:
    """S12: keys, partitions and order are those of any client; the record's time is that of publishing."""
    settings = await made(kafka, prefix)
    hosts = [f"host-{number}" for number in range(20)]
    begin_ms = time.time() * 1_000
    async with open_publisher(settings) as publisher:
        sent = await publisher.send_many(outcome(n, host) for n in range(100) for host in hosts)
    records = await records_of(settings)
    assert sent == len(records) == 2_000
    assert all(begin_ms - 5_000 < record.timestamp < begin_ms + 600_000 for record in records)
    default = await default_partitions(settings, hosts)
    for host in hosts:
        own = [record for record in records if record.key == host.encode()]
        assert [orjson.loads(record.value)["component_id"] for record in own] == [f"c{n}" for n in range(100)]
        assert {record.partition for record in own} == {default[host]}


async def default_partitions(settings: Settings, hosts: Sequence[str]) -> dict[str, int]:
    """Return where aiokafka's own producer puts each host."""
    async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap) as producer:
        topic = settings.topic(OUTCOME_EVENTS)
        sent = [await producer.send_and_wait(topic, b"{}", key=host.encode()) for host in hosts]
    return {host: place.partition for host, place in zip(hosts, sent, strict=True)}


async def test_missing_topic_stays_missing(kafka: EmbeddedKafka, prefix: str) -> None:
    """X10: a missing topic is one clear line, and asking for it does not make it."""
    settings = Settings(bootstrap=kafka.bootstrap, topic_prefix=prefix)
    with pytest.raises(PublishError, match=f"no topic {prefix}{OUTCOME_EVENTS}"):
        async with open_publisher(settings):
            pytest.fail("a publisher without a topic")
    async with admin_client(settings.kafka_options()) as client:
        assert await client.leaders([settings.topic(OUTCOME_EVENTS)]) == {}


async def test_no_broker_there() -> None:
    """X10: no broker is one clear line that says where."""
    with pytest.raises(KafkaUnavailableError, match=r"127\.0\.0\.1:1"):
        async with open_publisher(Settings(bootstrap="127.0.0.1:1", request_timeout_s=2)):
            pytest.fail("a publisher without a broker")


async def test_broker_goes_away(own_broker: Any, prefix: str) -> None:
    """S11: a broker that dies while events are on their way is an error, never a silent loss."""
    broker = own_broker()
    settings = await made(broker, prefix, request_timeout_s=3)
    async with open_publisher(settings) as publisher:
        await publisher.send_many([outcome(1, "host")])
        broker.stop()
        with pytest.raises(PublishError, match=broker.bootstrap):
            await publisher.send_many([outcome(2, "host")])


async def imported(
    settings: Settings, folder: Path, *, crash_after: int | None = None, source: Source | None = None
) -> ImportSummary:
    """Import a folder's logs; perhaps crash after some chunks, when they are acknowledged and not marked."""
    source = source or Source("host", UTC, finished=True)
    summary, chunks_sent = ImportSummary(), 0
    async with open_publisher(settings) as publisher:

        async def send(events: Sequence[ComponentOutcome]) -> None:
            nonlocal chunks_sent
            await publisher.send_many(events)
            chunks_sent += 1
            if chunks_sent == crash_after:
                raise CrashError

        with open_bookmarks(folder / "state", publisher.cluster_id, publisher.topic, "host") as bookmarks:
            chunks = list(read_chunks(find_logs([folder], DPKG), DPKG, source, bookmarks, summary))
            await send_chunks(chunks, send, bookmarks, summary)
    return summary


def long_log(packages: int) -> bytes:
    """Return the real log of one install, repeated for many packages."""
    lines = (DATA / "install.log").read_bytes()
    return b"".join(lines.replace(b"good", b"good%d" % number) for number in range(packages))


async def test_crash_between_sending_and_bookmarking(
    kafka: EmbeddedKafka, prefix: str, tmp_path: Path
) -> None:
    """S4: what a crash has sent again has the same event ids, so that the fold counts it once."""
    settings = await made(kafka, prefix)
    (tmp_path / "dpkg.log").write_bytes(long_log(100))
    with pytest.raises(CrashError):
        await imported(settings, tmp_path, crash_after=2)
    (tmp_path / "dpkg.log").unlink()
    (tmp_path / "dpkg.log.1.gz").write_bytes(gzip.compress(long_log(100)))
    summary = await imported(settings, tmp_path)
    assert (summary.sent, summary.known) == (68, 32)
    events = [validate_event(orjson.loads(record.value)) for record in await records_of(settings)]
    assert len(events) == 132
    assert events[32:64] == events[64:96]
    assert len({event.event_id for event in events}) == len({event.component_id for event in events}) == 100


def fleetfold(settings: Settings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    where = ["--bootstrap", settings.bootstrap, "--topic-prefix", settings.topic_prefix]
    return subprocess.run(  # our own command
        [sys.executable, "-m", "processor.cli.main", *arguments, *where],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


async def test_import_command(kafka: EmbeddedKafka, prefix: str, tmp_path: Path) -> None:
    """S1: the command publishes a failing install among the rest, and running it again sends nothing."""
    settings = await made(kafka, prefix)
    logs = [(DATA / f"{name}.log").read_bytes() for name in ("apt-remove", "failing-postinst", "upgrade")]
    (tmp_path / "dpkg.log").write_bytes(b"".join(logs))
    command = ["import", "dpkg", str(tmp_path), "--json", "--host", "h", "--distribution", "debian"]
    command += ["--zone", "UTC", "--state-dir", str(tmp_path / "state")]
    first, second = fleetfold(settings, *command), fleetfold(settings, *command)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    told, again = json.loads(first.stdout), json.loads(second.stdout)
    assert told["outcomes"] == {"install_failure": 1, "install_success": 4, "removed_by_user": 16}
    assert (told["sent"], told["already_known"]) == (21, 0)
    assert (again["sent"], again["already_known"]) == (0, 21)
    events = [validate_event(orjson.loads(record.value)) for record in await records_of(settings)]
    assert len(events) == 21
    failed = [event.component_id for event in events if event.outcome_type == "install_failure"]
    assert failed == ["pkg:deb/debian/bad?arch=all"]


async def test_import_command_with_unreadable_lines(
    kafka: EmbeddedKafka, prefix: str, tmp_path: Path
) -> None:
    """X1: unreadable lines are counted and shown with their place; the rest is sent; the exit code is 1."""
    settings = await made(kafka, prefix)
    log = tmp_path / "dpkg.log"
    log.write_bytes(b"\0\0\0\n" + (DATA / "install.log").read_bytes())
    done = fleetfold(settings, "import", "dpkg", str(log), "--host", "h", "--state-dir", str(tmp_path))
    assert done.returncode == 1
    assert "sent 1 events" in done.stdout
    assert f"{log}, byte 0" in done.stderr
    assert len(await records_of(settings)) == 1


async def test_simulate_command(kafka: EmbeddedKafka, prefix: str) -> None:
    """S1: the command publishes exactly what was asked for, and tells what was planted."""
    settings = await made(kafka, prefix)
    done = fleetfold(settings, "simulate", "--events", "3000", "--hosts", "50", "--conflicts", "2", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["simulated"] is True
    assert len(told["planted"]["conflicts"]) == 2
    records = await records_of(settings)
    assert len(records) == 3_000
    assert all(record.key.startswith(b"sim-") for record in records)


async def test_cluster_id(kafka: EmbeddedKafka, prefix: str) -> None:
    """A publisher knows its cluster, by which bookmarks are told apart."""
    settings = await made(kafka, prefix)
    async with open_publisher(settings) as publisher:
        assert isinstance(publisher, EventPublisher)
        assert len(publisher.cluster_id) > 10
