"""Runs the benchmark: `python -m tests.bench [--events N] [--json]`.

Everything runs on one embedded broker, one job after the other, each in a process of its own. Machines are
noisy: compare figures of one run, never across runs.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from processor.broker import EmbeddedKafka
from processor.settings import load_settings
from processor.topics import create
from schemas.topics import COMPONENT_STATS, OUTCOME_EVENTS
from tests.bench.events import generate
from tests.bench.latency import measure_latency
from tests.bench.load import load
from tests.bench.report import report

SEED = 20_260_101
PLAIN_FAUST_EVENTS = 60_000  # it takes as long as it takes; its rate does not grow with more
Figures = dict[str, Any]


def job(module: str, *arguments: object) -> Figures:
    """Run a job in a process of its own and return the figures that it prints."""
    command = [sys.executable, "-m", f"tests.bench.{module}", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def throughput(bootstrap: str, events: int, say: Callable[[str], None]) -> Figures:
    """Fold generated events, beside the ceiling and plain Faust on the same topic."""
    settings = load_settings(bootstrap=bootstrap, topic_prefix="throughput-")
    topic = settings.topic(OUTCOME_EVENTS)
    asyncio.run(create(settings))
    say(f"generating and publishing {events:,} events")
    size = asyncio.run(load(bootstrap, topic, settings.partitions, generate(events, seed=SEED)))
    say("the ceiling: getmany and orjson.loads alone")
    ceiling = job("ceiling", bootstrap, topic, events)
    say("Fleetfold")
    fleetfold = job("fleetfold_job", bootstrap, settings.topic_prefix, events)
    say("plain Faust, component counts only")
    faust = job("plain_faust", bootstrap, topic, "plain-faust", min(events, PLAIN_FAUST_EVENTS))
    return {"event_bytes": size / events, "ceiling": ceiling, "fleetfold": fleetfold, "plain_faust": faust}


def latency(bootstrap: str, duration_s: float, say: Callable[[str], None]) -> Figures:
    """Measure the delay at 1,000 events/s with a worker as it is shipped."""
    settings = load_settings(bootstrap=bootstrap, topic_prefix="latency-")
    asyncio.run(create(settings))
    say(f"delay at 1,000 events/s for {duration_s:g} s")
    environment = os.environ | {
        "FLEETFOLD_BOOTSTRAP": bootstrap,
        "FLEETFOLD_TOPIC_PREFIX": settings.topic_prefix,
        "FLEETFOLD_APP_ID": "latency",
        "FLEETFOLD_LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "processor.cli.main", "worker"]
    with subprocess.Popen(command, env=environment) as worker:
        try:
            topics = settings.topic(OUTCOME_EVENTS), settings.topic(COMPONENT_STATS)
            delays = asyncio.run(measure_latency(bootstrap, *topics, 1000, duration_s))
            cpu_s = cpu_seconds(worker.pid)
        finally:
            worker.terminate()
    return {
        "events": len(delays),
        "p50_ms": delays[len(delays) // 2],
        "p99_ms": delays[len(delays) * 99 // 100],
        "worker_cpu_s": cpu_s,
        "duration_s": duration_s,
    }


def cpu_seconds(pid: int) -> float:
    """A process's CPU time so far."""
    import psutil  # noqa: PLC0415 -- of the benchmark alone

    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def restoring(bootstrap: str, rows: int, say: Callable[[str], None]) -> Figures:
    """Restore a table of many rows."""
    settings = load_settings(bootstrap=bootstrap, topic_prefix="restore-")
    asyncio.run(create(settings))
    say(f"restoring {rows:,} rows")
    return job("restore_job", bootstrap, settings.topic_prefix, rows)


def publishing(bootstrap: str, say: Callable[[str], None]) -> Figures:
    """Publish with the publisher and through the gateway."""
    say("publishing: the publisher, `record` in an installer, the gateway")
    return job("publish_job", bootstrap)


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="events to fold")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows to restore")
    parser.add_argument("--latency-s", type=float, default=20.0, help="how long to measure the delay (s)")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    options = parser.parse_args()
    started_s = time.perf_counter()

    def say(what: str) -> None:
        print(f"[{time.perf_counter() - started_s:6.1f} s] {what}", file=sys.stderr, flush=True)  # noqa: T201 -- progress

    say("starting Kafka")
    with EmbeddedKafka() as kafka:
        figures = {
            "throughput": throughput(kafka.bootstrap, options.events, say),
            "latency": latency(kafka.bootstrap, options.latency_s, say),
            "restore": restoring(kafka.bootstrap, options.rows, say),
            "publish": publishing(kafka.bootstrap, say),
        }
    print(json.dumps(figures) if options.json else report(figures))  # noqa: T201 -- the answer


if __name__ == "__main__":
    main()
