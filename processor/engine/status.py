"""How a worker stands, read at the moment of asking: nothing here is kept up to date for its own sake."""

import time
from typing import TYPE_CHECKING

from aiokafka import TopicPartition

if TYPE_CHECKING:
    from processor.engine.app import BatchApp
    from processor.engine.engine import Engine

__all__ = ["STALLED_COMMIT_S", "lags", "why_not_ready"]

STALLED_COMMIT_S = 10.0
"""A commit takes some 10 ms; one that takes this long is waiting for a broker that does not answer."""


def lags(app: "BatchApp") -> dict[TopicPartition, int]:
    """How many offsets of each owned partition are not committed yet, as of its last fetch.

    Transaction markers take offsets as well. A partition that no fetch has told of yet is left out.
    """
    engine = app.engine
    consumer = engine.consumer
    if consumer is None:
        return {}
    assigned = consumer.assignment()
    found = {}
    for source, position in engine.ownership.positions.items():
        end = consumer.highwater(source) if source in assigned else None
        in_flight = engine.in_flight.get(source)
        if end is not None:
            found[source] = max(end - (in_flight.begin_offset if in_flight else position), 0)
    return found


def why_not_ready(app: "BatchApp") -> str | None:
    """Why the worker does not do its work now; None if it does.

    A worker to which the group gave no partition, because there are more workers than partitions, is ready.
    """
    engine = app.engine
    if engine.failure is not None:
        return f"failed: {engine.reason()}"
    if app.should_stop:
        return "stopping"
    return _unassigned(engine) or _stalled(engine)


def _unassigned(engine: "Engine") -> str | None:
    """Why the worker may not fold; None if it may."""
    if engine.consumer is None:
        return "no assignment from the group yet"
    if engine.consumer._coordinator.coordinator_id is None:  # noqa: SLF001 -- aiokafka has no public name for it
        return "no broker coordinates the group now"
    if engine.restoring:
        return "restoring tables"
    if not engine.ownership.folding:
        return "the group is rebalancing"
    return None


def _stalled(engine: "Engine") -> str | None:
    """Which commit does not get on; None if all do."""
    now_s = time.monotonic()
    for source, batch in engine.in_flight.items():
        waited_s = now_s - batch.started_s
        if waited_s > STALLED_COMMIT_S:
            return f"a commit of {source.topic}[{source.partition}] has taken {waited_s:.0f} s so far"
    return None
