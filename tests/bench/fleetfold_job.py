"""Fleetfold's own job: one worker as it is shipped folds what is on the topic, with everything on.

It prints a line of figures once everything is folded and committed, and waits for a line on its standard
input: more events were published, and are folded and timed by themselves. At the end of the input it stops.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from processor.app import create_app
from processor.domain.intake import IntakeResult
from processor.engine.app import BatchApp
from processor.engine.runner import run
from processor.meters import Meters
from processor.settings import Settings, load_settings
from schemas.topics import COMPONENT_DELTAS, OUTCOME_EVENTS, PAIR_DELTAS
from tests.bench.measure import Stopwatch, peak_mb
from tests.waiting import eventually

LIMIT_S = 3600


class Watch(Meters):
    """The worker's own metrics, and beside them what came in, and when the last commit was through."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = Stopwatch()  # of the whole job, for its start
        self.phase = Stopwatch()
        self.ready = asyncio.Event()
        self.restore: dict[str, float] = {}
        self.new_phase()

    def new_phase(self) -> None:
        """Time and count from here on."""
        self.phase = Stopwatch()
        self.folded_events = self.duplicates = 0
        self.commits_s: list[float] = []

    def taken_in(self, result: IntakeResult) -> None:
        """See Meters."""
        super().taken_in(result)
        self.folded_events += result.counts.events
        self.duplicates += result.counts.duplicates

    def restored(self, positions: Mapping[TopicPartition, int], records: int, duration_s: float) -> None:
        """See Observer."""
        super().restored(positions, records, duration_s)
        self.begun.stop()
        start_s = self.begun.figures(0).wall_s
        self.restore = {"records": records, "restore_s": duration_s, "start_s": start_s, "peak_mb": peak_mb()}
        self.new_phase()
        self.ready.set()

    def committed(
        self, source: TopicPartition, next_offset: int, duration_s: float, oldest_age_s: float
    ) -> None:
        """See Observer."""
        super().committed(source, next_offset, duration_s, oldest_age_s)
        self.commits_s.append(duration_s)
        self.phase.stop()

    def figures(self) -> dict[str, Any]:
        """What was folded since the phase began."""
        seen = self.folded_events + self.duplicates
        commits_s = sorted(self.commits_s) or [0.0]
        return {
            **self.phase.figures(seen).as_dict(),
            "folded": self.folded_events,
            "duplicates": self.duplicates,
            "commits": len(self.commits_s),
            "commit_p50_ms": 1000 * commits_s[len(commits_s) // 2],
            "commit_p99_ms": 1000 * commits_s[len(commits_s) * 99 // 100],
            "restore": self.restore,
        }


async def fold_phases(app: BatchApp, settings: Settings, watch: Watch) -> None:
    """Fold, tell, wait to be told; then end the worker as an operator would."""
    try:
        await watch.ready.wait()
        more = True
        while more:
            for names in ([OUTCOME_EVENTS], [COMPONENT_DELTAS, PAIR_DELTAS]):
                await _catch_up(app, settings, names)
            rows = {name: sum(table.row_counts().values()) for name, table in app.tables.items()}
            print(json.dumps({**watch.figures(), "rows": rows}), flush=True)  # noqa: T201 -- read by the benchmark
            # The whole loop stands still on purpose: what is published meanwhile shall be a backlog.
            more = bool(sys.stdin.readline())
            watch.new_phase()
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


async def _catch_up(app: BatchApp, settings: Settings, names: Sequence[str]) -> None:
    """Wait until everything on these topics is folded and committed, up to the high watermark.

    The worker's own consumer calls the end what lies before an open transaction; one whose markers are still
    on their way after its commit would hide the last deltas.
    """
    topics = {settings.topic(name) for name in names}
    sources = [tp for tp in app.engine.ownership.positions if tp.topic in topics]
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap, isolation_level="read_uncommitted")
    async with consumer:

        async def caught_up() -> bool:
            ends = await consumer.end_offsets(sources)
            positions = app.engine.ownership.positions
            return not app.engine.ownership.busy and all(positions[tp] >= end for tp, end in ends.items())

        await eventually(caught_up, LIMIT_S)


def main() -> int:
    """Run the worker; its settings come from the environment, as any worker's do."""
    settings = load_settings()
    watch = Watch()
    app = create_app(settings, watch)
    tasks: list[asyncio.Task[None]] = []

    @contextlib.asynccontextmanager
    async def beside() -> AsyncIterator[None]:
        tasks.append(asyncio.create_task(fold_phases(app, settings, watch)))
        yield
        tasks[0].cancel()

    code = run(app, [beside()])
    if tasks[0].done() and not tasks[0].cancelled():
        tasks[0].result()
    return code


if __name__ == "__main__":
    sys.exit(main())
