"""Publishing, in a process of its own: the publisher, the gateway, and what `record` adds to an installer."""

from tests.bench.processes import run_job
from tests.bench.run import Figures, Run

__all__ = ["publishing"]

_EVENTS_MAX = 200_000  # the rates do not grow with more


def publishing(run: Run) -> Figures:
    """Measure publishing."""
    run.say("publishing: the publisher, `record` in an installer, the gateway")
    return run_job("publish_job", run.bootstrap, min(_EVENTS_MAX, run.sizes.events))
