"""Publishing: events/s of the publisher and of the gateway, and the delay that `record` adds to an installer.

`python -m tests.bench.publish_job BOOTSTRAP [EVENTS]` prints the figures as JSON. Rates are per second of
wall time, and per second of the publishing process's CPU time: what one core does, on a machine that others
use too.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import orjson
import psutil
from aiohttp import ClientSession

from processor.broker.ports import LOOPBACK, free_port
from processor.publish.client import BlockingPublisher, Limits
from processor.settings import Settings, load_settings
from processor.topics import create
from tests.bench.measure import Stopwatch
from tests.waiting import eventually

HOSTS = 5_000
COMPONENTS = 500
OUTCOMES = ("install_success", "install_success", "used_in_session", "install_failure")
CONTEXTS = ("", "", "", "no matching distribution found")
REQUEST_EVENTS = 500
CONNECTIONS = 4
PACED_CALLS = 2_000
PACE_S = 0.002

Figures = dict[str, Any]


def main(bootstrap: str, events: int) -> None:
    """Measure everything and print it."""
    settings = load_settings(bootstrap=bootstrap, topic_prefix="publish-")
    asyncio.run(create(settings))
    with tempfile.TemporaryDirectory() as folder:
        figures = {
            "publisher": publisher(settings, Path(folder), events, HOSTS),
            "one_host": publisher(settings, Path(folder), events // 10, 1),
            "record": record_delay(settings, Path(folder)),
            "record_offline": record_delay(
                settings.model_copy(update={"bootstrap": f"{LOOPBACK}:{free_port()}"}), Path(folder)
            ),
        }
    figures["gateway"] = asyncio.run(gateway(settings, events))
    print(json.dumps(figures))  # noqa: T201 -- read by the benchmark


def publisher(settings: Settings, folder: Path, events: int, hosts: int) -> Figures:
    """Record events as fast as they are taken, until Kafka has acknowledged all."""
    names = [f"host-{number}" for number in range(hosts)]
    components = [f"pkg:pypi/component-{number}@1.0" for number in range(COMPONENTS)]
    limits = Limits(room_wait_s=60)
    with BlockingPublisher(settings, state_dir=folder, limits=limits, raise_errors=True) as one:
        one.record("warm", OUTCOMES[0], wait=True)
        watch = Stopwatch()
        receipts = [
            one.record(
                components[number % COMPONENTS],
                OUTCOMES[number % 4],
                CONTEXTS[number % 4],
                host_id=names[number % hosts],
            )
            for number in range(events)
        ]
        one.flush()
        figures = watch.figures(events).as_dict()
    assert {str(receipt.status) for receipt in receipts} == {"kafka"}
    return figures


def record_delay(settings: Settings, folder: Path) -> Figures:
    """Time `record` in an installer that does something else in between."""
    delays_s = []
    with BlockingPublisher(settings, state_dir=folder, on_trouble=lambda _: None) as one:
        began_s = time.perf_counter()
        one.record("first", "install_success")
        first_s = time.perf_counter() - began_s
        one.flush(30)
        pause = threading.Event()
        for number in range(PACED_CALLS):
            pause.wait(PACE_S)
            began_s = time.perf_counter()
            one.record(f"pkg:pypi/component-{number}", "install_failure", f"no wheel for {number}")
            delays_s.append(time.perf_counter() - began_s)
    delays_s.sort()
    return {
        "calls": PACED_CALLS,
        "first_ms": 1000 * first_s,
        "p50_ms": 1000 * delays_s[PACED_CALLS // 2],
        "p99_ms": 1000 * delays_s[PACED_CALLS * 99 // 100],
        "max_ms": 1000 * delays_s[-1],
    }


async def gateway(settings: Settings, events: int) -> Figures:
    """Send requests of JSON lines to a gateway of one process, over a few connections."""
    port = free_port()
    command = [sys.executable, "-m", "processor.cli.main", "gateway", "--port", str(port)]
    where = {"FLEETFOLD_BOOTSTRAP": settings.bootstrap, "FLEETFOLD_TOPIC_PREFIX": settings.topic_prefix}
    environment = os.environ | where | {"FLEETFOLD_LOG_LEVEL": "WARNING"}
    address = f"http://{LOOPBACK}:{port}"
    bodies = [_lines(number) for number in range(20)]
    with subprocess.Popen(command, env=environment) as process:  # noqa: ASYNC220 -- it is quick to start
        try:
            async with ClientSession() as session:
                await eventually(lambda: _ready(session, address))
                cpu_s, began_s = _cpu_s(process.pid), time.perf_counter()
                requests = events // REQUEST_EVENTS
                await asyncio.gather(
                    *(
                        _send(session, address, bodies, range(first, requests, CONNECTIONS))
                        for first in range(CONNECTIONS)
                    )
                )
                wall_s = time.perf_counter() - began_s
                figures = {
                    "events": requests * REQUEST_EVENTS,
                    "wall_s": wall_s,
                    "cpu_s": _cpu_s(process.pid) - cpu_s,
                    "peak_mb": psutil.Process(process.pid).memory_info().rss / 1_048_576,
                }
        finally:
            process.terminate()
    return figures


def _lines(first: int) -> bytes:
    """Return a request's events, without ids: the gateway makes them."""
    return b"\n".join(
        orjson.dumps(
            {
                "component_id": f"pkg:pypi/component-{number % COMPONENTS}@1.0",
                "outcome_type": OUTCOMES[number % 4],
                "timestamp": "2026-01-02T03:04:05.000006Z",
                "context": CONTEXTS[number % 4],
                "host_id": f"host-{(first * REQUEST_EVENTS + number) % HOSTS}",
            }
        )
        for number in range(REQUEST_EVENTS)
    )


async def _send(session: ClientSession, address: str, bodies: list[bytes], numbers: range) -> None:
    headers = {"Content-Type": "application/x-ndjson"}
    for number in numbers:
        body = bodies[number % len(bodies)]
        async with session.post(f"{address}/v1/outcomes", data=body, headers=headers) as response:
            told = orjson.loads(await response.read())
            assert (response.status, told["accepted"]) == (202, REQUEST_EVENTS), told


async def _ready(session: ClientSession, address: str) -> bool:
    try:
        async with session.get(f"{address}/readyz") as response:
            return response.status == 200
    except OSError:
        return False


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200_000)
