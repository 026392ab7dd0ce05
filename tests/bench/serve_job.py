"""What serving takes: a view of many rows, lookups over HTTP, and the way from an event to the page.

`python -m tests.bench.serve_job BOOTSTRAP ROWS` on a running Kafka; it makes topics of its own.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
import psutil
import uvloop
from aiokafka import AIOKafkaProducer

from processor.domain.partition import partition_of
from processor.domain.stats import to_json
from processor.settings import Settings, load_settings
from processor.topics import create
from schemas.history import history_key
from schemas.topics import COMPONENT_HISTORY, COMPONENT_STATS, OUTCOME_EVENTS
from tests.bench.http_load import request, run_load
from tests.bench.load import load
from tests.bench.processes import run_job
from tests.bench.run import Figures, Run
from tests.browser import chromium, opened
from tests.serving import Service

__all__ = ["main", "serving"]

FIRST_US = 1_700_000_000_000_000
SECONDS = 8.0
CONNECTIONS = 32
IDS_PER_REQUEST = 1_000
PAGE_EVENTS = 10
DAYS_EACH = 10


def component(number: int) -> str:
    """The n-th component's id."""
    return f"pkg:bench/component-{number}"


async def fill(settings: Settings, rows: int) -> None:
    """Write that many rows of components."""
    await create(settings)
    counts = (9, 1, 2, 0, FIRST_US, FIRST_US + 9, FIRST_US + 5, None, 1)
    values = ((each.encode(), to_json(each, counts)) for each in map(component, range(rows)))
    await load(settings.bootstrap, settings.topic(COMPONENT_STATS), settings.partitions, values)


async def fill_days(settings: Settings, rows: int) -> None:
    """Write that many days of time lines, `DAYS_EACH` of each component; the newest of each has hours."""
    await create(settings)
    hours = {f"{hour:02}": [3, 1, 2, 0] for hour in range(0, 24, 2)}
    counts = {"install_successes": 36, "install_failures": 12, "usage_count": 24, "removal_count": 0}

    def row(number: int) -> tuple[bytes, bytes]:
        name, place = component(number // DAYS_EACH), number % DAYS_EACH
        day = f"2026-01-{place + 1:02}"
        told = {"component_id": name, "day": day, **counts, "hours": hours if place == DAYS_EACH - 1 else {}}
        return history_key(name, day), orjson.dumps(told)

    values = map(row, range(rows))
    await load(settings.bootstrap, settings.topic(COMPONENT_HISTORY), settings.partitions, values)


async def view_job(settings: Settings, rows: int, what: str) -> dict[str, Any]:
    """Measure a view in a process of its own."""
    job = [sys.executable, "-m", "tests.bench.view_job", settings.bootstrap, settings.topic_prefix]
    done = await asyncio.create_subprocess_exec(*job, str(rows), what, stdout=subprocess.PIPE)
    figures: dict[str, Any] = json.loads((await done.communicate())[0].splitlines()[-1])
    return figures


async def http(service: Service, rows: int) -> Figures:
    """Ask for single components, then for many scores at once; every tenth id is unknown."""
    where = urlsplit(service.url)
    ids = [component(number * 7919 % (rows * 10 // 9)) for number in range(20_000)]
    known = (quote(component(number * 7919 % rows), safe="") for number in range(5_000))
    one = [request("GET", f"/v1/components/{each}") for each in known]
    bodies = (ids[n : n + IDS_PER_REQUEST] for n in range(0, len(ids), IDS_PER_REQUEST))
    asked = (orjson.dumps({"component_ids": each}) for each in bodies)
    many = [request("POST", "/v1/scores", each) for each in asked]
    process = psutil.Process(service.process.pid)
    figures: Figures = {}
    for name, requests, connections in (("lookups", one, CONNECTIONS), ("scores", many, 4)):
        before_s = sum(process.cpu_times()[:2])
        found = await run_load(str(where.hostname), where.port or 0, requests, connections, SECONDS)
        cpu_s = sum(process.cpu_times()[:2]) - before_s
        assert found.failed == 0
        figures[name] = asdict(found) | {"per_cpu_s": found.per_s * SECONDS / cpu_s}
    figures["peak_mb"] = process.memory_info().rss / 1_048_576
    return figures


@contextmanager
def worker(settings: Settings) -> Iterator[None]:
    """A worker as it is shipped."""
    told = {"FLEETFOLD_BOOTSTRAP": settings.bootstrap, "FLEETFOLD_TOPIC_PREFIX": settings.topic_prefix}
    command = [sys.executable, "-m", "processor.cli.main", "worker"]
    with subprocess.Popen(command, env=os.environ | told | {"FLEETFOLD_LOG_LEVEL": "WARNING"}) as process:
        try:
            yield
        finally:
            process.terminate()


async def page_updates_ms(settings: Settings, service: Service) -> list[float] | None:
    """Return how long events took from publishing to standing on the open page; None without Chromium."""
    if chromium() is None:
        return None
    took_ms = []
    async with (
        AIOKafkaProducer(bootstrap_servers=settings.bootstrap) as producer,
        opened(service.url) as page,
    ):
        for number in range(PAGE_EVENTS + 1):
            name = f"pkg:bench/page-{time.time_ns()}"
            event = {"component_id": name, "outcome_type": "install_failure", "host_id": "bench"}
            partition = partition_of(b"bench", settings.partitions)
            began_s = time.perf_counter()
            await producer.send(
                settings.topic(OUTCOME_EVENTS), orjson.dumps(event), key=b"bench", partition=partition
            )
            await page.get_by_role("link", name=name).first.wait_for(timeout=60_000)
            if number:  # the first one waits for the worker's start
                took_ms.append((time.perf_counter() - began_s) * 1000)
            await asyncio.sleep(1.0)  # the next one comes after a quiet time, as it does for people
    return sorted(took_ms)


async def measure(bootstrap: str, rows: int) -> Figures:
    """Measure all of it."""
    many = load_settings(bootstrap=bootstrap, topic_prefix="serve-many-")
    few = load_settings(bootstrap=bootstrap, topic_prefix="serve-few-")
    await fill(many, rows)
    view = await view_job(many, rows, "rows")
    days = load_settings(bootstrap=bootstrap, topic_prefix="serve-days-")
    await fill_days(days, rows)
    view["days"] = await view_job(days, rows, "days")
    with tempfile.TemporaryDirectory() as folder:
        with Service(many, Path(folder) / "many.log").gone_at_the_end() as service:
            asked = await http(await service.ready(), rows)
        await create(few)
        with worker(few), Service(few, Path(folder) / "few.log").gone_at_the_end() as service:
            page_ms = await page_updates_ms(few, await service.ready())
    return {"rows": rows, "view": view, "http": asked, "page_ms": page_ms}


def serving(run: Run) -> Figures:
    """Measure it in a process of its own, as a job of the benchmark."""
    run.say(f"a view of {run.sizes.rows:,} rows, HTTP, and the page")
    return run_job("serve_job", run.bootstrap, run.sizes.rows)


def main(bootstrap: str, rows: int) -> None:
    """Print the figures as JSON."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(measure(bootstrap, rows))))  # noqa: T201 -- read by the benchmark


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
