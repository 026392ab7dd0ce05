"""What a publisher's caller was told is accepted must be in the statistics, and once."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from processor.publish.core import spool_for
from processor.publish.draining import drain
from processor.publish.spool import spools_in
from processor.settings import Settings
from schemas.topics import OUTCOME_EVENTS
from tests.stream import Stream
from tests.workers import compare_with_oracle

__all__ = ["check_accepted"]


async def check_accepted(settings: Settings, told: Iterable[str], state_dir: Path | None = None) -> int:
    """Drain what waits, fold everything with a worker, and compare.

    Args:
        settings: how the test itself reaches the broker.
        told: the ids of all events that were said to be accepted.
        state_dir: of a spool that is to be drained first.

    Returns:
        How many copies of events there are beyond the first of each.
    """
    if state_dir is not None:
        for path in spools_in(state_dir):
            spool = spool_for(settings, state_dir)
            spool.path = path  # whichever way the publisher took to the broker
            await drain(settings, spool)
            spool.close()
    stream = Stream(settings.bootstrap, settings.topic_prefix)
    records = await stream.records(OUTCOME_EVENTS)
    events: list[dict[str, Any]] = [orjson.loads(record.value or b"") for record in records]
    there = {event["event_id"] for event in events}
    assert set(told) <= there, f"{len(set(told) - there)} accepted events are lost"
    await stream.fold()
    await compare_with_oracle(
        stream.settings, [(record.key or b"", record.value or b"") for record in records]
    )
    return len(events) - len(there)
