"""What a worker tells of itself on a real broker: every number exact, and ready only while it works."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from processor.app import create_app, engine_config
from processor.broker import EmbeddedKafka
from processor.broker.ports import LOOPBACK, free_port, is_free
from processor.domain.partition import partition_of
from processor.engine.claims import read_claims
from processor.engine.producers import FencedProducer
from processor.meters import Meters
from processor.settings import Settings
from schemas.topics import COMPONENT_DELTAS, COMPONENT_STATS, OUTCOME_EVENTS, PAIR_DELTAS
from tests.records import at, event, uuid_of
from tests.settled import wait_until_folded
from tests.stream import Stream
from tests.waiting import eventually
from tests.watching import Samples, get, samples, served
from tests.words import running
from tests.workers import Workers

pytestmark = pytest.mark.kafka

HOST = "host-1"


@pytest.fixture
async def stream(kafka: Any, prefix: str) -> Stream:
    return await Stream(kafka.bootstrap, prefix).create_topics()


@contextlib.asynccontextmanager
async def watched(settings: Settings, *, fails: bool = False) -> AsyncIterator[tuple[Any, str]]:
    """A worker in this process, and the address of its answers."""
    meters = Meters()
    app = create_app(settings, meters)
    async with served(app, meters) as address:
        assert (await get(f"{address}/readyz"))[0] == 503
        async with running(app, fails=fails):
            yield app, address
        assert (await get(f"{address}/readyz"))[0] == 503


def is_ready(address: str, wanted: int = 200) -> Callable[[], Awaitable[bool]]:
    async def asked() -> bool:
        return (await get(f"{address}/readyz"))[0] == wanted

    return asked


def has(address: str, expected: Samples) -> Callable[[], Awaitable[bool]]:
    async def compared() -> bool:
        found = await samples(address)
        return {name: found.get(name) for name in expected} == expected

    return compared


def numbered(number: int, **fields: Any) -> dict[str, Any]:
    """An event with an id of its own."""
    return event(event_id=uuid_of(number), host_id=HOST, **fields)


async def publish_one_of_each(stream: Stream) -> None:
    """58 good events of one host, and each kind of what is not."""
    home = partition_of(HOST.encode(), stream.settings.partitions)
    used = {"outcome_type": "used_in_session"}
    await stream.publish(*(numbered(n, component_id=f"c{n}", timestamp=at(n)) for n in range(51)))
    await stream.publish(numbered(50), numbered(49))  # duplicates
    await stream.publish(numbered(60, timestamp=at(-7_200)))  # late
    await stream.publish(numbered(61, **used, timestamp="2999-01-01T00:00:00Z"))  # skewed
    await stream.publish(*(numbered(n, **used) for n in (62, 63, 64)), partition=(home + 1) % 4)  # misrouted
    await stream.publish(None, None, key=HOST.encode())  # ignored
    await stream.publish(b"not json", b"not json", numbered(65, component_id=""), key=HOST.encode())
    await stream.publish(numbered(66, **used), numbered(67, **used))


def expected_counts(stream: Stream) -> Samples:
    topic = stream.settings.topic(OUTCOME_EVENTS)
    return {
        ("fleetfold_events_total",): 58,
        ("fleetfold_duplicates_total",): 2,
        ("fleetfold_late_total",): 1,
        ("fleetfold_skewed_total",): 1,
        ("fleetfold_misrouted_total",): 3,
        ("fleetfold_ignored_total",): 2,
        ("fleetfold_mass_failures_total",): 1,
        ("fleetfold_dead_letters_total", "not_json"): 2,
        ("fleetfold_dead_letters_total", "empty"): 1,
        ("fleetfold_records_total", topic): 58 + 2 + 3 + 2 + 3,
        ("fleetfold_batch_records_sum", topic): 58 + 2 + 3 + 2 + 3,
    }


async def test_every_number_is_exact(stream: Stream) -> None:
    """S4, S7, S12, X1, X2, X5, X7: each event is counted as what it is, once; nothing lags behind."""
    await publish_one_of_each(stream)
    settings = stream.settings
    async with watched(settings) as (_, address):
        await wait_until_folded(settings)
        nothing_left: Samples = {
            ("fleetfold_lag_offsets", str(number), settings.topic(name)): 0.0
            for name in (OUTCOME_EVENTS, COMPONENT_DELTAS, PAIR_DELTAS)
            for number in range(settings.partitions)
        }
        await eventually(has(address, nothing_left), 20)
        found = await samples(address)
    expected = expected_counts(stream)
    assert {name: found.get(name) for name in expected} == expected
    assert found["fleetfold_table_rows", "component-stats"] == len(await stream.stats())
    assert found["fleetfold_table_rows", "component-history"] == len(await stream.stats())
    assert found["fleetfold_table_rows", "host-ledger"] == found["fleetfold_table_rows", "fleet-totals"] == 1
    assert found["fleetfold_table_rows", "co-failures"] == len(await stream.pairs()) == 0
    assert found["fleetfold_assigned_partitions", settings.topic(PAIR_DELTAS)] == 4
    assert found["fleetfold_ready",] == 1
    topic = settings.topic(OUTCOME_EVENTS)
    batches = found["fleetfold_batch_records_count", topic]
    assert batches >= 2  # the home's, and the other partition's
    for name in ("fold_seconds", "commit_seconds", "delay_seconds"):
        assert found[f"fleetfold_{name}_count", topic] == batches


async def test_a_restart_restores_and_counts_anew(stream: Stream) -> None:
    """S13: the next worker counts only what it folds itself, and tells what it restored."""
    await publish_one_of_each(stream)
    await stream.fold()
    async with watched(stream.settings) as (_, address):
        await eventually(is_ready(address), 30)
        found = await samples(address)
        assert (await get(f"{address}/readyz"))[1] == {"ready": True, "partitions": 12}
    assert found["fleetfold_events_total",] == 0
    assert found["fleetfold_table_rows", "component-stats"] == 52
    assert found["fleetfold_rebalances_total",] == 1
    assert found["fleetfold_restore_seconds_count",] == 1
    assert found["fleetfold_restore_progress_ratio",] == 1
    assert found["fleetfold_restored_records_total",] > 52


async def test_a_worker_that_restores_is_not_ready(stream: Stream) -> None:
    """S13: somebody's open transaction on a changelog holds the restore up; ready once it is over."""
    await publish_one_of_each(stream)
    await stream.fold()
    settings = stream.settings
    meters = Meters()
    app = create_app(settings, meters)
    intruder = AIOKafkaProducer(bootstrap_servers=settings.bootstrap, transactional_id=settings.app_id)
    async with intruder, served(app, meters) as address:
        await intruder.begin_transaction()
        await intruder.send_and_wait(settings.topic(COMPONENT_STATS), b"{}", key=b"a", partition=0)
        seen = asyncio.create_task(see_restoring(address, intruder.abort_transaction))
        async with running(app):  # starts no sooner than it is restored
            await seen
            await eventually(is_ready(address), 30)
            assert (await samples(address))["fleetfold_restore_progress_ratio",] == 1


async def see_restoring(address: str, let_go: Callable[[], Awaitable[None]]) -> None:
    """Wait until a restore is partly done, see that the worker is not ready, and let the restore end."""

    async def under_way() -> bool:
        return 0 < (await samples(address))["fleetfold_restore_progress_ratio",] < 1

    await eventually(under_way, 30)
    answer = await get(f"{address}/readyz")
    await let_go()
    assert answer == (503, {"ready": False, "reason": "restoring tables"})


async def test_a_worker_without_partitions_is_ready(stream: Stream) -> None:
    """S9: with more workers than partitions, the one that waits in reserve is well."""
    settings = stream.settings.model_copy(update={"app_id": f"{stream.settings.app_id}-more"})
    async with contextlib.AsyncExitStack() as stack:
        addresses = [(await stack.enter_async_context(watched(settings)))[1] for _ in range(5)]

        async def all_ready() -> bool:
            answers = [await get(f"{address}/readyz") for address in addresses]
            partitions = sorted(body.get("partitions", -1) for _, body in answers)
            return partitions == [0, 3, 3, 3, 3] and {status for status, _ in answers} == {200}

        await eventually(all_ready, 60)


async def test_a_failure_is_told(stream: Stream) -> None:
    """S10: a fenced worker is alive and not ready, and says what happened."""
    settings = stream.settings
    async with watched(settings, fails=True) as (app, address):
        await eventually(is_ready(address), 30)
        config = engine_config(settings)
        source = TopicPartition(settings.topic(OUTCOME_EVENTS), 0)
        usurper = FencedProducer(config, (await read_claims(config, [source]))[source].holder)
        await usurper.start()
        await stream.publish(numbered(1))
        await app.engine.failed.wait()
        status, body = await get(f"{address}/readyz")
        found = await samples(address)
        assert (await get(f"{address}/healthz"))[0] == 200
        await usurper.stop()
    assert status == 503
    assert body["reason"] == f"failed: {app.engine.reason()}"
    assert found["fleetfold_ready",] == 0
    assert found["fleetfold_failures_total", type(app.engine.failure).__name__] == 1


async def test_without_a_broker_a_worker_lives_and_is_not_ready(
    own_broker: Callable[..., EmbeddedKafka], prefix: str
) -> None:
    """S11: while the broker is gone /readyz says so and /healthz stays; both are well once it is back."""
    broker = own_broker()
    stream = await Stream(broker.bootstrap, prefix, request_timeout_s=5).create_topics()
    async with watched(stream.settings) as (_, address):
        await eventually(is_ready(address), 30)
        broker.kill()
        await eventually(is_ready(address, 503), 30)
        assert (await get(f"{address}/readyz"))[1]["reason"] == "no broker coordinates the group now"
        assert await get(f"{address}/healthz") == (200, {"alive": True})
        broker.restart()
        await eventually(is_ready(address), 60)
        await stream.publish(numbered(1))
        await wait_until_folded(stream.settings)


async def test_the_worker_command_serves_its_port(stream: Stream, tmp_path: Path) -> None:
    """The settings reach the process: metrics on the port, gone after SIGTERM with exit code 0 (S14)."""
    port = free_port()
    address = f"http://{LOOPBACK}:{port}"
    workers = Workers(stream.settings, tmp_path, FLEETFOLD_METRICS_PORT=str(port))
    with workers.all_stopped():
        worker = workers.start()
        await publish_one_of_each(stream)
        await eventually(is_ready(address), 60)
        await eventually(has(address, expected_counts(stream)), 60)
        assert await get(f"{address}/healthz") == (200, {"alive": True})
        assert workers.stop(worker) == 0, workers.logs()
    assert await get(f"{address}/healthz") == (0, None)


async def test_each_supervised_worker_has_its_port(stream: Stream, tmp_path: Path) -> None:
    """Worker n of a supervisor serves the port that is set, plus n - 1; together they own everything."""
    port = next(port for port in iter(free_port, None) if is_free(port + 1))
    addresses = [f"http://{LOOPBACK}:{port + number}" for number in range(2)]
    workers = Workers(
        stream.settings, tmp_path, FLEETFOLD_METRICS_PORT=str(port), FLEETFOLD_PROCESSES=str(len(addresses))
    )

    async def shared() -> bool:
        answers = [await get(f"{address}/readyz") for address in addresses]
        return answers == [(200, {"ready": True, "partitions": 6})] * 2

    with workers.all_stopped():
        supervisor = workers.start()
        await eventually(shared, 60)
        assert workers.stop(supervisor) == 0, workers.logs()
