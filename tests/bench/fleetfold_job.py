"""Fleetfold's own job: one worker folds a topic from its beginning, with everything on."""

import asyncio
import gc
import json
import sys
import time
from typing import Any

from processor.app import create_app
from processor.engine import producers
from processor.engine.runner import check_layout
from processor.settings import load_settings
from schemas.topics import COMPONENT_DELTAS, OUTCOME_EVENTS, PAIR_DELTAS
from tests.bench.measure import Stopwatch
from tests.waiting import eventually


async def main(bootstrap: str, prefix: str, events: int) -> None:
    """Fold, wait until every delta is committed too, and print the figures as JSON."""
    settings = load_settings(bootstrap=bootstrap, topic_prefix=prefix, app_id=f"{prefix}bench")
    commits_s: list[float] = []
    commit = producers.PartitionProducer.commit

    async def timed_commit(self: Any, transaction: Any) -> None:
        started_s = time.perf_counter()
        await commit(self, transaction)
        commits_s.append(time.perf_counter() - started_s)

    producers.PartitionProducer.commit = timed_commit  # type: ignore[method-assign] # measured from outside
    app = create_app(settings)
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 50, 1000)
    await check_layout(app.engine.config)
    started = Stopwatch()
    await app.start()
    start_s = started.figures(0).wall_s
    watch = Stopwatch()
    for names in ([OUTCOME_EVENTS], [COMPONENT_DELTAS, PAIR_DELTAS]):
        topics = {settings.topic(name) for name in names}
        await eventually(lambda topics=topics: caught_up(app, topics), 3600)  # type: ignore[misc] # bound early
    figures: dict[str, object] = {**watch.figures(events).as_dict()}
    await app.stop()
    await app.engine.close()
    commits_s.sort()
    figures |= {
        "start_s": start_s,
        "commits": len(commits_s),
        "commit_p50_ms": 1000 * commits_s[len(commits_s) // 2],
        "commit_p99_ms": 1000 * commits_s[len(commits_s) * 99 // 100],
        "rows": {name: sum(table.row_counts().values()) for name, table in app.tables.items()},
    }
    print(json.dumps(figures))  # noqa: T201 -- read by the benchmark


async def caught_up(app: Any, topics: set[str]) -> bool:
    """Whether everything on these topics is folded and committed."""
    sources = [tp for tp in app.engine.ownership.positions if tp.topic in topics]
    ends = await app.consumer.kafka.end_offsets(sources)
    positions = app.engine.ownership.positions
    return not app.engine.ownership.busy and all(positions[tp] >= end for tp, end in ends.items())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
