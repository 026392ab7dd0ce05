"""The demo from its start to its end: what it starts it stops again, the worker first."""

import asyncio
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from processor.admin import admin_client
from processor.broker import BrokerError, EmbeddedKafka, StartProgress
from processor.cli.common import Progress, console, err_console, harmless, progress, settings_from
from processor.cli.demo.folded import FoldWatch
from processor.cli.demo.folder import fresh_folder
from processor.cli.demo.input import Published, publish_fleet, publish_own_log
from processor.cli.demo.report import FAILING_LINES, Found, print_report
from processor.cli.demo.worker import WorkerDiedError, WorkerProcess, running_worker
from processor.cli.trends import read_histories, sparks_of
from processor.publish.publisher import open_publisher
from processor.serve.queries import most_failing, pair_rows, stats_rows
from processor.serve.reader import read_snapshot
from processor.settings import Settings
from processor.topics import create
from schemas.fleet import FleetTotals
from schemas.topics import (
    CO_FAILURES,
    COMPONENT_DELTAS,
    COMPONENT_STATS,
    FLEET_TOTALS,
    OUTCOME_EVENTS,
    PAIR_DELTAS,
)

__all__ = ["run_demo"]

_FOLDED_TOPICS = (OUTCOME_EVENTS, COMPONENT_DELTAS, PAIR_DELTAS)
_LOOK_EVERY_S = 0.1
_NO_STEP_WITHIN_S = 60.0
_TERMINATED = 143
_MB = 1_000_000
_STAGES = {
    "fetch": "fetching a real Kafka, once (MB)",
    "format": "making a fresh Kafka",
    "start": "starting Kafka",
}


def run_demo(data_dir: Path, events: int) -> int:
    """Run the demo.

    Args:
        data_dir: the folder for the broker's data and the worker's log; emptied first.
        events: how many simulated events.

    Returns:
        The exit code: 0, or 143 when it was told to end before it was done.

    Raises:
        FleetfoldError: a part of it cannot work; the text says which.
    """
    with fresh_folder(data_dir) as folder:
        return asyncio.run(_main(folder, events))


async def _main(folder: Path, events: int) -> int:
    task = asyncio.create_task(_demo(folder, events))
    told_to_end = asyncio.Event()

    def end() -> None:
        told_to_end.set()
        task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
    try:
        await task
    except asyncio.CancelledError:
        if told_to_end.is_set():
            return _TERMINATED
        raise  # Ctrl-C: the command line says 130
    return 0


async def _demo(folder: Path, events: int) -> None:
    async with _kafka(folder / "kafka") as bootstrap:
        settings = settings_from(bootstrap, replication_factor=1)  # there is one broker
        await create(settings)
        async with running_worker(settings, folder / "worker.log") as worker:
            begin_s = time.monotonic()
            published = await _publish(settings, events)
            await _wait_until_folded(settings, worker, published.events)
            took_s = time.monotonic() - begin_s
            print_report(await _read(settings, published, took_s), published)
            _print_what_next(settings, folder)
            if console.is_terminal:
                await _stay(worker)


@asynccontextmanager
async def _kafka(data_dir: Path) -> AsyncIterator[str]:
    """Start the embedded Kafka, yield its address, and stop it."""
    with progress("looking for Kafka") as bar:
        kafka = EmbeddedKafka(data_dir, on_progress=partial(_show, bar))
        start = asyncio.create_task(asyncio.to_thread(kafka.start))
        try:
            await asyncio.shield(start)
        except asyncio.CancelledError:
            kafka.stop()  # breaks off the start, which goes on in its thread
            with suppress(BrokerError):
                await start
            raise
    try:
        yield kafka.bootstrap
    finally:
        await asyncio.shield(asyncio.to_thread(kafka.stop))


def _show(bar: Progress, now: StartProgress) -> None:
    """Show a start's stage; called from the thread of the start."""
    bar.update(
        label=_STAGES[now.stage], completed=now.done_bytes // _MB, total=now.total_bytes // _MB or None
    )


async def _publish(settings: Settings, events: int) -> Published:
    async with open_publisher(settings, for_others=True) as publisher:
        real_events, host_id, why_no_log = await publish_own_log(publisher)
        plan, planted = await publish_fleet(publisher, events)
    return Published(real_events, host_id, why_no_log, plan, planted)


async def _wait_until_folded(settings: Settings, worker: WorkerProcess, events: int) -> None:
    """Wait until every event is folded and every change is in the result topics.

    Raises:
        WorkerDiedError: the worker ended, or did not come on for a minute.
    """
    partitions = [
        TopicPartition(settings.topic(name), number)
        for name in _FOLDED_TOPICS
        for number in range(settings.partitions)
    ]
    source = settings.topic(OUTCOME_EVENTS)
    options = settings.kafka_options()
    consumer = AIOKafkaConsumer(**options, group_id=None, isolation_level="read_uncommitted")
    async with admin_client(options) as client, consumer:
        watch = FoldWatch(client, consumer, settings.app_id, partitions)
        last: dict[TopicPartition, int] = {}
        moved_s = time.monotonic()
        with progress("folding", events) as bar:
            while True:
                committed = await watch.committed()
                # Not before: aiokafka's consumer raises CancelledError when stopped right after its start.
                worker.check()
                bar.update(completed=sum(at for tp, at in committed.items() if tp.topic == source))
                if await watch.is_done(committed):
                    return
                if committed != last:
                    last, moved_s = committed, time.monotonic()
                elif time.monotonic() - moved_s > _NO_STEP_WITHIN_S:
                    raise WorkerDiedError(f"the worker did not come on for a minute; its log is {worker.log}")
                await asyncio.sleep(_LOOK_EVERY_S)


async def _read(settings: Settings, published: Published, took_s: float) -> Found:
    options = settings.kafka_options()
    with progress("reading the results"):
        stats = await read_snapshot(settings.topic(COMPONENT_STATS), options)
        pairs = await read_snapshot(settings.topic(CO_FAILURES), options)
        totals = await read_snapshot(settings.topic(FLEET_TOTALS), options)
        rows = stats_rows(stats.rows)
        shown = [row["component_id"] for row in most_failing(rows, FAILING_LINES)]
        histories = await read_histories(settings, shown)
    sessions = sum(FleetTotals.model_validate_json(value).sessions for value in totals.rows.values())
    return Found(
        rows, pair_rows(pairs.rows), sessions, published.events, took_s, sparks_of(histories, "hours")
    )


def _print_what_next(settings: Settings, folder: Path) -> None:
    where = harmless(str(folder))
    flag = f"--bootstrap {settings.bootstrap}"
    program = "fleetfold" if shutil.which("fleetfold") else harmless(sys.argv[0])
    console.print()
    console.print(f"The data lies in {where} (kafka/ and worker.log) until the next demo.")
    if console.is_terminal:
        console.print(
            f"Kafka runs at {settings.bootstrap} and the worker folds on. In another terminal, try:"
        )
    else:
        port = settings.bootstrap.rpartition(":")[2]
        console.print("To look further, start its Kafka again, and in another terminal ask it:")
        console.print(f"  {program} broker --data-dir {where}/kafka --port {port}")
    for command in ("problematic", "pairs --min-count 20", "failures --host sim-0001", "top", "serve"):
        console.print(f"  {program} {command} {flag}")
    console.print(f"  {program} simulate --events 10000 {flag}")


async def _stay(worker: WorkerProcess) -> None:
    """Wait for Ctrl-C, which is how a demo on a terminal ends well."""
    console.print()
    console.print("Ctrl-C ends the demo.", style="bold")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    while not stop.is_set():
        worker.check()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1.0)
    err_console.print("stopping the worker and Kafka ...")
