"""The rivals, each in a process of its own: run it, or say why it cannot be run."""

import asyncio
from importlib.util import find_spec

from processor.settings import Settings
from schemas.topics import OUTCOME_EVENTS
from tests.bench.events import generate
from tests.bench.load import load
from tests.bench.processes import JobFailedError, run_job
from tests.bench.run import Figures, Run
from tests.bench.topics import counted_by_quix, make

__all__ = ["is_missing", "run_rivals"]


def run_rivals(run: Run, job: str, seed: int, components: int, share: int = 1) -> Figures:
    """Run each rival once.

    Each gets the first of the same events, on a topic that holds no more: a rival that reads ahead of what it
    finishes must not be charged for that.

    Args:
        run: the run.
        job: for which job; names the topics.
        seed: of the job's events.
        components: as in the job's events.
        share: divides the number of events that a rival gets.

    Returns:
        By rival: one round's figures; or under `missing` or `failed` why there are none.
    """
    results: Figures = {}
    for name, rival, most in (
        ("quix", _quix, run.sizes.quix_events),
        ("plain_faust", _faust, run.sizes.faust_events),
    ):
        events = max(1, most // share)
        settings = run.settings(f"{job}-{name}")
        topic = settings.topic(OUTCOME_EVENTS)
        make(settings)
        made = generate(events, components=components, seed=seed)
        asyncio.run(load(run.bootstrap, topic, settings.partitions, made))
        run.say(f"{name}, {events:,} events of {components:,} components")
        try:
            results[name] = [rival(settings, topic, events)]
        except JobFailedError as error:
            results[name] = [{"failed": str(error)}]
    return results


def is_missing(package: str) -> bool:
    """Whether a package of the extra `bench` is not installed."""
    return find_spec(package) is None


def _quix(settings: Settings, topic: str, events: int) -> Figures:
    if is_missing("quixstreams"):
        return {"missing": "quixstreams is not installed: pip install '.[bench]'"}
    figures = run_job("quix_job", settings.bootstrap, topic, settings.app_id, events)
    return {**figures, "counted": counted_by_quix(settings, settings.app_id)}


def _faust(settings: Settings, topic: str, events: int) -> Figures:
    return run_job("plain_faust", settings.bootstrap, topic, settings.app_id, events)
