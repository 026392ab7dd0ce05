"""The delay and the cost at a steady, low rate, with a worker as it is shipped."""

import asyncio
from functools import partial

from schemas.topics import COMPONENT_STATS, OUTCOME_EVENTS
from tests.bench.latency import measure_latency
from tests.bench.numbers import percentiles
from tests.bench.processes import JobFailedError, cpu_seconds, worker
from tests.bench.run import Figures, Run
from tests.bench.topics import make

__all__ = ["steady"]


def steady(run: Run, partitions: int) -> Figures:
    """Hold the rate for a while.

    Args:
        run: the run.
        partitions: of each topic, all on the one worker.

    Raises:
        JobFailedError: the worker did not start, or did not fold everything.
    """
    sizes = run.sizes
    settings = run.settings(f"steady-{partitions}", partitions=partitions)
    make(settings)
    run.say(f"{sizes.rate:,} events/s over {partitions} partitions for {sizes.duration_s:g} s")
    topics = settings.topic(OUTCOME_EVENTS), settings.topic(COMPONENT_STATS)
    with worker(settings) as pid:
        cpu_s = partial(_cpu_seconds, pid, run.broker_pid)
        try:
            held = asyncio.run(measure_latency(run.bootstrap, *topics, sizes.rate, sizes.duration_s, cpu_s))
        except TimeoutError:
            raise JobFailedError("rows are missing long after the last event was published") from None
    worker_s, broker_s = held.cpu_s
    return {
        "partitions": partitions,
        "rate": sizes.rate,
        "events": held.published,
        "counted": held.seen,
        "measured": len(held.delays_ms),
        "delay_ms": percentiles(held.delays_ms),
        "cores": worker_s / held.duration_s,
        "broker_cores": broker_s / held.duration_s,
        "duration_s": held.duration_s,
    }


def _cpu_seconds(*pids: int) -> list[float]:
    return [cpu_seconds(pid) for pid in pids]
