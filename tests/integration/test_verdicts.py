"""The writer of verdicts on a real broker: what changed is written, by one at a time, through faults."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from aiohttp import ClientSession
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from processor.broker import EmbeddedKafka
from processor.broker.ports import LOOPBACK, free_port
from processor.serve.reader import read_snapshot
from processor.settings import Settings, load_settings
from processor.topics import create
from processor.verdicts.meters import VERDICT_METRICS
from processor.verdicts.service import MovedError, Service
from processor.verdicts.writer import FencedError, Writer
from schemas.aliases import LIVE_KEY, LiveGeneration
from schemas.topics import ALIASES, COMPONENT_HISTORY, COMPONENT_STATS, FLEET_TOTALS, VERDICTS
from schemas.verdicts import ComponentVerdicts
from tests.commands import CommandLine
from tests.served import day, stats
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

FAILS_WITHIN_S = 60


@pytest.fixture
async def settings(kafka: EmbeddedKafka, prefix: str) -> Settings:
    found = load_settings(
        bootstrap=kafka.bootstrap,
        topic_prefix=prefix,
        app_id=f"{prefix}app",
        partitions=2,
        session_timeout_s=6,
        heartbeat_interval_s=1,
        verdicts_interval_s=0.2,
    )
    await create(found)
    return found


async def publish(settings: Settings, component_id: str, good: int, bad: int) -> None:
    """Write a component's rows as the folds do: so many installs in this hour."""
    now = datetime.now(UTC)
    hours = {f"{now.hour:02}": [good, bad, 0, 0]}
    failed = {"last_failure": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")} if bad else {}
    totals = {"partition": 0, "sessions": 100}
    rows = (
        (COMPONENT_STATS, stats(component_id, good, bad, **failed)),
        (COMPONENT_HISTORY, day(component_id, f"{now:%Y-%m-%d}", good, bad, hours=hours)),
        (FLEET_TOTALS, (b"0", orjson.dumps(totals))),
    )
    async with AIOKafkaProducer(**settings.kafka_options()) as producer:
        for topic, (key, value) in rows:
            await producer.send_and_wait(settings.topic(topic), value, key, partition=0)


async def verdicts(settings: Settings) -> dict[str, list[str]]:
    """Return the kinds on the topic, as a reader of committed rows sees them."""
    rows = (await read_snapshot(settings.topic(VERDICTS), settings.kafka_options())).rows
    found = [ComponentVerdicts.model_validate_json(value) for value in rows.values()]
    return {row.component_id: [each.kind.value for each in row.verdicts] for row in found}


async def written(settings: Settings) -> int:
    """Return how many committed records the topic has ever had, tombstones included."""
    partition = TopicPartition(settings.topic(VERDICTS), 0)
    consumer = AIOKafkaConsumer(
        **settings.kafka_options(), isolation_level="read_committed", auto_offset_reset="earliest"
    )
    async with consumer:
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        count = 0
        while await consumer.position(partition) < end:
            count += sum(map(len, (await consumer.getmany(timeout_ms=200)).values()))
        return count


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Service]:
    running = Service(settings)
    await running.start()
    yield running
    await running.stop()


async def stepping(service: Service, until: Callable[[], bool]) -> None:
    async with asyncio.timeout(FAILS_WITHIN_S):
        while not until():
            await service.step()


async def test_a_breakage_becomes_a_verdict_and_its_mending_ends_it(
    settings: Settings, service: Service
) -> None:
    """Rows in, a verdict out; nothing is written while nothing changes; a mended component has no row."""
    await publish(settings, "good", 500, 5)
    await publish(settings, "bad", 2, 20)
    await stepping(service, lambda: "bad" in service.rows.standing)
    assert await verdicts(settings) == {"bad": ["problematic"]}
    await publish(settings, "good", 501, 5)
    seen = service.rows
    await stepping(service, lambda: seen.facts("good").lately.window("1h", _now_us()).successes == 501)
    for _ in range(5):
        await service.step()
    assert await written(settings) == 1
    await publish(settings, "bad", 400, 20)
    await stepping(service, lambda: not service.rows.standing)
    assert await verdicts(settings) == {}
    assert await written(settings) == 2


def _now_us() -> int:
    return int((datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


async def test_whoever_starts_later_shuts_the_earlier_out(settings: Settings) -> None:
    """S10: the transactional id is the fence: what a frozen writer had in hand is refused."""
    rows = {
        name: ComponentVerdicts(component_id=name, verdicts=[], updated_at=datetime.now(UTC))
        for name in ("c", "d", "zombie")
    }
    first, second = Writer(settings), Writer(settings)
    await first.start()
    await first.write({"c": rows["c"]})
    await second.start()
    with pytest.raises(FencedError, match="another instance"):
        await first.write({"zombie": rows["zombie"]})
    await second.write({"d": rows["d"]})
    assert await verdicts(settings) == {"c": [], "d": []}
    await first.stop()
    await second.stop()


async def test_it_judges_the_live_generation(settings: Settings) -> None:
    """When readers are moved to another generation, the one in use is left: all is read anew."""
    service = Service(settings)
    await service.start()
    live = LiveGeneration(generation=2, since=datetime.now(UTC))
    async with AIOKafkaProducer(**settings.kafka_options()) as producer:
        await producer.send_and_wait(settings.topic(ALIASES), live.model_dump_json().encode(), LIVE_KEY)
    with pytest.raises(MovedError):
        await stepping(service, lambda: False)
    await service.stop()


class Instances:
    """`fleetfold verdicts` as processes, each with a log."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self._folder = folder
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        number = len(self.running)
        environment = os.environ | {
            "FLEETFOLD_BOOTSTRAP": self.settings.bootstrap,
            "FLEETFOLD_TOPIC_PREFIX": self.settings.topic_prefix,
            "FLEETFOLD_APP_ID": self.settings.app_id,
            "FLEETFOLD_SESSION_TIMEOUT_S": str(self.settings.session_timeout_s),
            "FLEETFOLD_HEARTBEAT_INTERVAL_S": str(self.settings.heartbeat_interval_s),
        }
        command = [sys.executable, "-m", "processor.cli.main", "verdicts", "--interval-s", "0.2"]
        with (self._folder / f"verdicts-{number}.log").open("wb") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
        self.running.append(process)
        return process

    def says(self, number: int, words: str) -> bool:
        return words in (self._folder / f"verdicts-{number}.log").read_text()


@contextmanager
def instances(settings: Settings, folder: Path) -> Iterator[Instances]:
    found = Instances(settings, folder)
    try:
        yield found
    finally:
        for process in found.running:
            process.kill()
            process.wait()


async def until(condition: Callable[[], bool]) -> None:
    async def met() -> bool:
        return condition()

    await eventually(met, FAILS_WITHIN_S)


async def test_a_second_instance_waits_and_takes_over(settings: Settings, tmp_path: Path) -> None:
    """S8, S10, S14: one writes, one waits; if it is killed or frozen, the other goes on."""

    async def told(component_id: str) -> None:
        async def is_told() -> bool:
            return component_id in await verdicts(settings)

        await eventually(is_told, FAILS_WITHIN_S)

    await publish(settings, "good", 500, 5)
    with instances(settings, tmp_path) as all_of:
        first = all_of.start()
        await until(lambda: all_of.says(0, "leading"))
        second = all_of.start()
        await until(lambda: all_of.says(1, "standing by") or all_of.says(1, "leading"))
        leader, other = (first, 1) if not all_of.says(1, "leading") else (second, 0)
        await publish(settings, "one", 2, 20)
        await told("one")
        leader.send_signal(signal.SIGSTOP)
        await publish(settings, "two", 2, 20)
        await told("two")
        assert all_of.says(other, "leading")
        leader.send_signal(signal.SIGCONT)
        successor = all_of.running[other]
        successor.kill()
        successor.wait()
        all_of.start()
        await publish(settings, "three", 2, 20)
        await told("three")
        assert await verdicts(settings) == {each: ["problematic"] for each in ("one", "two", "three")}
        await until(lambda: all_of.says(2, "standing by") or all_of.says(2, "leading"))
        alive = [each for each in all_of.running if each.poll() is None]
        for process in alive:
            process.send_signal(signal.SIGTERM)
        assert {process.wait(30) for process in alive} <= {0}


async def test_it_can_be_watched(settings: Settings) -> None:
    """Its port says whether it is ready and leads, and what it wrote; its log is JSON if asked for."""
    port = free_port()
    told = {name: getattr(settings, name) for name in ("bootstrap", "topic_prefix", "app_id")}
    line = CommandLine(told)
    arguments = ("verdicts", "--interval-s", "0.2", "--metrics-port", str(port), "--log-format", "json")
    await publish(settings, "good", 500, 5)
    await publish(settings, "bad", 2, 20)
    async with (
        line.running(*arguments, ready="wrote 1 rows"),
        ClientSession(f"http://{LOOPBACK}:{port}") as ask,
    ):
        async with ask.get("/readyz") as answer:
            assert (answer.status, await answer.json()) == (200, {"ready": True, "leads": True})
        async with ask.get("/healthz") as answer:
            assert answer.status == 200
        async with ask.get("/metrics") as answer:
            families = list(text_string_to_metric_families(await answer.text()))
    assert {metric.name.removesuffix("_total") for metric in VERDICT_METRICS} <= {
        each.name for each in families
    }
    values = {(each.name, *each.labels.values()): each.value for one in families for each in one.samples}
    assert values["fleetfold_verdicts_leads",] == values["fleetfold_verdicts_ready",] == 1
    assert values["fleetfold_verdicts_written_total",] == 1
    assert values["fleetfold_verdicts_standing", "problematic"] == 1
    assert values["fleetfold_verdicts_judge_seconds_count",] >= 1
    assert 0 <= values["fleetfold_verdicts_judged_seconds",] < FAILS_WITHIN_S
    assert all(orjson.loads(said)["event"] for said in line.printed)


async def test_before_its_rows_are_read_it_is_not_ready(settings: Settings) -> None:
    """A writer that has not read all, or whose reading ended, says why."""
    service = Service(settings)
    assert service.why_not_ready() == "the rows are being read"
    await service.start()
    assert service.why_not_ready() is None
    assert service._following is not None
    service._following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await service._following
    assert service.why_not_ready() == "the rows are no longer followed"
    await service.stop()


async def test_a_broker_that_restarts(own_broker: Callable[..., EmbeddedKafka], tmp_path: Path) -> None:
    """S11: after the broker's death the writer goes on, or a new one does, from what the topic holds."""
    broker = own_broker()
    settings = load_settings(bootstrap=broker.bootstrap, partitions=2, session_timeout_s=6,
                             heartbeat_interval_s=1, verdicts_interval_s=0.2)  # fmt: skip
    await create(settings)
    await publish(settings, "good", 500, 5)
    await publish(settings, "one", 2, 20)

    async def is_told(component_id: str) -> bool:
        for process in all_of.running[-1:]:
            if process.poll() is not None:
                assert process.returncode == 1
                all_of.start()
        return component_id in await verdicts(settings)

    with instances(settings, tmp_path) as all_of:
        all_of.start()
        await eventually(lambda: is_told("one"), FAILS_WITHIN_S)
        await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(broker.restart)
        await publish(settings, "two", 2, 20)
        await eventually(lambda: is_told("two"), 2 * FAILS_WITHIN_S)
        assert await verdicts(settings) == {each: ["problematic"] for each in ("one", "two")}
