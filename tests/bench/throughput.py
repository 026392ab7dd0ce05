"""How fast: Fleetfold, the ceiling and the rivals, on the same events."""

import asyncio

from processor.settings import Settings
from schemas.topics import OUTCOME_EVENTS
from tests.bench.events import generate
from tests.bench.load import load
from tests.bench.processes import folding, run_job
from tests.bench.rivals import run_rivals
from tests.bench.run import Figures, Run
from tests.bench.topics import clear_results, counted_in_stats, make

__all__ = ["throughput"]

SEED = 20_260_101
COMPONENTS = 5_000


def throughput(run: Run) -> Figures:
    """Fold the events in rounds, the ceiling and Fleetfold in turn; then the rivals once each."""
    sizes = run.sizes
    settings = run.settings("throughput")
    topic = settings.topic(OUTCOME_EVENTS)
    make(settings)
    run.say(f"generating and publishing {sizes.events:,} events")
    events = generate(sizes.events, components=COMPONENTS, seed=SEED)
    size = asyncio.run(load(run.bootstrap, topic, settings.partitions, events))
    ceiling, ours = [], []
    for number in range(1, sizes.rounds + 1):
        run.say(f"round {number} of {sizes.rounds}: the ceiling")
        ceiling.append(run_job("ceiling", run.bootstrap, topic, sizes.events))
        run.say(f"round {number} of {sizes.rounds}: Fleetfold")
        ours.append(_fold(settings, number))
    rivals = run_rivals(run, "throughput", SEED, COMPONENTS)
    return {"event_bytes": size / sizes.events, "ceiling": ceiling, "fleetfold": ours, **rivals}


def _fold(settings: Settings, number: int) -> Figures:
    """Fold everything from nothing, and read back what was counted."""
    if number > 1:
        clear_results(settings)
    once = settings.model_copy(update={"app_id": f"{settings.app_id}-{number}"})
    with folding(once) as job:
        figures = job.folded()
    return {**figures, "counted": counted_in_stats(once) + figures["duplicates"]}
