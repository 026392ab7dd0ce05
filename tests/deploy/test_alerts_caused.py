"""Each alert caused on real workers, services, gateways and brokers, and raised by a real Prometheus."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout
from aiokafka import AIOKafkaProducer

from processor.broker import EmbeddedKafka
from processor.broker.ports import LOOPBACK, free_port
from processor.domain.partition import partition_of
from processor.settings import Settings
from schemas.topics import COMPONENT_STATS, OUTCOME_EVENTS
from tests.deploy.prometheus import Prometheus, prometheus
from tests.faults.network import proxied_broker
from tests.proxy import Api, Fault
from tests.records import at, event, uuid_of
from tests.stream import Stream
from tests.waiting import eventually
from tests.watching import get

pytestmark = pytest.mark.kafka

HOST = "host-1"
JOBS = ("worker", "serve", "gateway", "verdicts")
# Shorter or fewer than in earnest, where causing it in earnest would take minutes.
LIMITS = {
    "FleetfoldMassFailures": 0,
    "FleetfoldRebalancing": 1,
    "FleetfoldRestarting": 0,
    "FleetfoldServeStale": 4,
    "FleetfoldSlow": 2,
    "FleetfoldGatewayFull": 0.3,
    "FleetfoldVerdictsBehind": 4,
}


class Parts:
    """A worker, a service and a gateway, each a process that can be stopped, killed and started."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.ports = {part: free_port() for part in JOBS}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._log = folder / "parts.log"
        self._environment = os.environ | {
            "FLEETFOLD_BOOTSTRAP": settings.bootstrap,
            "FLEETFOLD_TOPIC_PREFIX": settings.topic_prefix,
            "FLEETFOLD_APP_ID": settings.app_id,
            "FLEETFOLD_SESSION_TIMEOUT_S": str(settings.session_timeout_s),
            "FLEETFOLD_HEARTBEAT_INTERVAL_S": "1",
            "FLEETFOLD_REQUEST_TIMEOUT_S": "5",
            "FLEETFOLD_METRICS_PORT": str(self.ports["worker"]),
            "FLEETFOLD_VERDICTS_INTERVAL_S": "0.5",
            "FLEETFOLD_SERVE_PORT": str(self.ports["serve"]),
            "FLEETFOLD_GATEWAY_PORT": str(self.ports["gateway"]),
            "FLEETFOLD_GATEWAY_PENDING_MAX": "10",
        }

    def address(self, part: str) -> str:
        return f"http://{LOOPBACK}:{self.ports[part]}"

    async def start(self, part: str) -> None:
        """Start a part, and return once it is ready."""
        self.launch(part)

        async def is_ready() -> bool:
            assert self._processes[part].poll() is None, self._log.read_text()
            return (await get(f"{self.address(part)}/readyz"))[0] == 200

        await eventually(is_ready)

    def launch(self, part: str) -> None:
        """Start a part."""
        command = [sys.executable, "-m", "processor.cli.main", part]
        if part == "verdicts":  # it has the workers' variable, and here another port
            command += ["--metrics-port", str(self.ports[part])]
        with self._log.open("ab") as output:
            self._processes[part] = subprocess.Popen(
                command, env=self._environment, stdout=output, stderr=output
            )

    async def end(self, part: str, how: int = signal.SIGTERM) -> None:
        """End a part."""
        process = self._processes.pop(part)
        process.send_signal(how)
        await asyncio.to_thread(process.wait, 20)

    async def post(self, _: int) -> None:
        """Send three requests at once: while the first is on its way, the second waits, and no third fits."""
        url = f"{self.address('gateway')}/v1/outcomes"
        body = [event(event_id=None)] * 9
        async with ClientSession(timeout=ClientTimeout(60)) as session:
            for answer in await asyncio.gather(*(session.post(url, json=body) for _ in range(3))):
                await answer.read()

    async def ask(self, _: int) -> None:
        """Ask the service for something."""
        await get(f"{self.address('serve')}/v1/co-failures")

    @contextlib.contextmanager
    def gone_at_the_end(self) -> Iterator["Parts"]:
        """Leave no process behind."""
        try:
            yield self
        finally:
            for process in self._processes.values():
                process.kill()
                process.wait()


@contextlib.asynccontextmanager
async def watched(stream: Stream, folder: Path, *parts: str) -> AsyncIterator[tuple[Parts, Prometheus]]:
    """Parts that are ready, and a Prometheus that watches them."""
    with Parts(stream.settings, folder).gone_at_the_end() as running:
        jobs = {f"fleetfold-{part}": [running.ports[part]] for part in parts}
        async with prometheus(folder, jobs, LIMITS) as watching:
            await asyncio.gather(*(running.start(part) for part in parts))
            await watching.scrapes(jobs)
            yield running, watching


@contextlib.asynccontextmanager
async def repeated(act: Callable[[int], Any], pause_s: float = 0.2) -> AsyncIterator[None]:
    """Do something again and again in the background; its argument counts up."""
    enough = asyncio.Event()

    async def go_on() -> None:
        number = 0
        while not enough.is_set():
            await act(number)
            number += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(enough.wait(), pause_s)

    doing = asyncio.create_task(go_on())
    try:
        yield
    finally:
        enough.set()
        await doing


@pytest.fixture
async def stream(kafka: EmbeddedKafka, prefix: str) -> Stream:
    return await Stream(kafka.bootstrap, prefix, session_timeout_s=2).create_topics()


async def test_what_publishers_send(stream: Stream, tmp_path: Path) -> None:
    """Dead letters, strays, wrong clocks, copies, mass failures and bad rows, all day long, raise theirs."""
    elsewhere = (partition_of(HOST.encode(), stream.settings.partitions) + 1) % stream.settings.partitions
    copy = event(event_id=uuid_of(1), host_id=HOST)
    plain = event(event_id=None, host_id=HOST)
    results = stream.settings.topic(COMPONENT_STATS)

    async def send(number: int) -> None:
        await stream.publish(copy, copy, copy, b"not json", plain | {"timestamp": "2999-01-01T00:00:00Z"})
        await stream.publish(plain, partition=elsewhere)
        if number == 0:
            mass = [
                plain | {"component_id": f"c{n}", "host_id": "ill", "timestamp": at(n)} for n in range(51)
            ]
            await stream.publish(*mass)
            async with AIOKafkaProducer(bootstrap_servers=stream.settings.bootstrap) as producer:
                await producer.send_and_wait(results, b"no row", key=b"x")

    async with watched(stream, tmp_path, "worker", "serve") as (_, watching), repeated(send):
        await watching.raises(
            "FleetfoldDeadLetters",
            "FleetfoldMisrouted",
            "FleetfoldClockSkew",
            "FleetfoldDuplicates",
            "FleetfoldMassFailures",
            "FleetfoldServeBadRows",
        )


async def test_workers_that_come_and_go(stream: Stream, tmp_path: Path) -> None:
    """One that dies again and again, its neighbour that rebalances, and then nobody at all."""
    with Parts(stream.settings, tmp_path).gone_at_the_end() as running:
        dying = Parts(stream.settings, tmp_path)
        jobs = {"fleetfold-worker": [running.ports["worker"], dying.ports["worker"]]}
        async with prometheus(tmp_path, jobs, LIMITS) as watching:
            await running.start("worker")
            alerts = "FleetfoldRestarting", "FleetfoldRebalancing", "FleetfoldDown"
            with dying.gone_at_the_end():
                async with asyncio.TaskGroup() as group:  # one may be over before the next has begun
                    group.create_task(watching.raises(*alerts, timeout_s=120))
                    for _ in range(2):
                        await dying.start("worker")
                        await watching.scrapes(jobs)
                        await dying.end("worker", signal.SIGKILL)
            await running.end("worker")
            await watching.raises("FleetfoldNoWorker")


async def test_a_worker_that_is_held_up(stream: Stream, tmp_path: Path) -> None:
    """Somebody's open transaction holds up first a restore, then the events."""
    settings = stream.settings
    await stream.publish(event())
    await stream.fold()
    intruder = AIOKafkaProducer(bootstrap_servers=settings.bootstrap, transactional_id=settings.app_id)
    with Parts(settings, tmp_path).gone_at_the_end() as running:
        jobs = {"fleetfold-worker": [running.ports["worker"]]}
        async with intruder, prometheus(tmp_path, jobs, LIMITS) as watching:
            await intruder.begin_transaction()
            for topic in (COMPONENT_STATS, OUTCOME_EVENTS):
                for partition in range(settings.partitions):
                    await intruder.send(settings.topic(topic), b"{}", key=b"a", partition=partition)
            await intruder.flush()
            running.launch("worker")
            await watching.raises("FleetfoldRestoring", "FleetfoldWorkerNotReady")
            await intruder.abort_transaction()
            await watching.is_quiet_about("FleetfoldRestoring", "FleetfoldWorkerNotReady")
            async with intruder.transaction():
                await intruder.send_and_wait(settings.topic(OUTCOME_EVENTS), b"{}", key=b"a", partition=0)
                await watching.raises("FleetfoldStuck")


async def test_a_broker_that_does_not_answer(prefix: str, tmp_path: Path) -> None:
    """A broker that is slow to end transactions, then to take events, then gone: all who need it say so."""
    with proxied_broker(tmp_path / "broker") as proxied:
        stream = await Stream(proxied.broker.bootstrap, prefix, session_timeout_s=30).create_topics()
        through = f"{LOOPBACK}:{proxied.proxy_port}"
        stream.settings = stream.settings.model_copy(update={"bootstrap": through})
        topic = stream.settings.topic(OUTCOME_EVENTS).encode()
        async with (
            proxied.proxy().running() as proxy,
            watched(stream, tmp_path, *JOBS) as (running, watching),
            repeated(running.post),
            repeated(running.ask),
        ):
            slow = proxy.arm(Fault(Api.END_TXN, delay_s=3, times=None))
            await watching.raises("FleetfoldSlowCommits", "FleetfoldSlow")
            slow.release()
            held = proxy.arm(Fault(Api.PRODUCE, delay_s=None, times=None, match=topic))
            await watching.raises("FleetfoldGatewayFull")
            held.release()
            await asyncio.to_thread(proxied.broker.kill)
            await watching.raises(
                "FleetfoldServeStale",
                "FleetfoldGatewayNotReady",
                "FleetfoldGatewayUnacknowledged",
                "FleetfoldVerdictsBehind",
            )
            await running.end("verdicts", signal.SIGKILL)
            await watching.raises("FleetfoldNoVerdicts")
            await running.end("serve")
            running.launch("serve")
            await watching.raises("FleetfoldServeNotReady", "FleetfoldServeErrors")
