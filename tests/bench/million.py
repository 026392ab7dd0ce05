"""One worker that holds a large fleet: how soon it is back, and how much memory it takes."""

import asyncio

from schemas.topics import OUTCOME_EVENTS
from tests.bench.events import generate
from tests.bench.load import load
from tests.bench.processes import folding
from tests.bench.rows import write_state
from tests.bench.run import Figures, Run
from tests.bench.topics import make

__all__ = ["million"]

SEED = 20_260_103
USUAL_IDS, FULL_RING_IDS = 8, 64
EVENTS_SHARE = 4  # a quarter as many events as hosts are folded on top: memory is that of a worker at work


def million(run: Run) -> Figures:
    """Restore both tables, fold on top of them; once with few event ids a host, once with full rings."""
    return {"fleets": [_at(run, ids) for ids in (USUAL_IDS, FULL_RING_IDS)]}


def _at(run: Run, ids: int) -> Figures:
    rows = run.sizes.rows
    settings = run.settings(f"million-{ids}")
    make(settings)
    run.say(f"writing {rows:,} hosts ({ids} event ids each) and {rows:,} components")
    size = write_state(settings, rows, rows, ids)
    events = rows // EVENTS_SHARE
    made = generate(events, hosts=rows, components=rows, seed=SEED)
    topic = settings.topic(OUTCOME_EVENTS)
    asyncio.run(load(run.bootstrap, topic, settings.partitions, made))
    run.say("restoring them, and folding on top")
    with folding(settings) as job:
        figures = job.folded()
    fleet = {"hosts": rows, "components": rows, "ids": ids, "state_bytes": size}
    return {**fleet, **figures, "events": events, "counted": figures["events"]}
