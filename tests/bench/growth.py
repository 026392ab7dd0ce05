"""What an event costs, and what memory holds, as the components grow in number."""

import asyncio

from schemas.topics import OUTCOME_EVENTS
from tests.bench.events import each_component_once, generate
from tests.bench.load import load
from tests.bench.processes import folding
from tests.bench.rivals import run_rivals
from tests.bench.run import Figures, Run
from tests.bench.topics import make

__all__ = ["growth"]

SEED = 20_260_102
RIVAL_SHARE = 2  # the rivals fold half as many events as in the main job: there are several sizes


def growth(run: Run) -> Figures:
    """Measure at each number of components, beside the rivals."""
    return {"sizes": [_at(run, components) for components in run.sizes.components]}


def _at(run: Run, components: int) -> Figures:
    """Fold one event of each component, then time phases of events of all of them."""
    sizes = run.sizes
    settings = run.settings(f"components-{components}")
    topic = settings.topic(OUTCOME_EVENTS)
    make(settings)
    run.say(f"{components:,} components: one event of each")
    asyncio.run(load(run.bootstrap, topic, settings.partitions, each_component_once(components)))
    phases = []
    # A worker that stands still while events are published must not be taken for dead.
    with folding(settings, session_timeout_s="900", request_timeout_s="600") as job:
        job.folded()
        for number in range(sizes.phases):
            which = f"{number + 1} of {sizes.phases}"
            run.say(f"{components:,} components: {sizes.phase_events:,} events, {which}")
            events = generate(sizes.phase_events, components=components, seed=SEED + number)
            asyncio.run(load(run.bootstrap, topic, settings.partitions, events))
            job.go_on()
            figures = job.folded()
            phases.append({**figures, "events": sizes.phase_events, "counted": figures["events"]})
    rivals = run_rivals(run, f"components-{components}", SEED, components, RIVAL_SHARE)
    return {"components": components, "fleetfold": phases, **rivals}
