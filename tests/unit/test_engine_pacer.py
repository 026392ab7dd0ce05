"""Who may be fetched, as batches come and go."""

import asyncio

from aiokafka import TopicPartition

from processor.engine.batch import Batch
from processor.engine.config import EngineConfig
from processor.engine.pace import SMALL_RECORDS
from processor.engine.pacer import Pacer
from tests.properties.test_engine_machine import Record
from tests.unit.test_engine_ownership import A, B, owning


def pacer() -> Pacer:
    config = EngineConfig(bootstrap="", app_id="", checkpoints_topic="", layout={}, gather_ms=1)
    return Pacer(config, owning(A, B))


def batch(source: TopicPartition, size: int) -> Batch:
    return Batch(source, [Record(n, b"") for n in range(size)], 0, size, 1, 0)


def fold(pace: Pacer, source: TopicPartition, size: int) -> None:
    pace._ownership.busy.add(source)
    pace.folded(batch(source, size))


def commit(pace: Pacer, source: TopicPartition) -> None:
    pace.committed(source)
    pace._ownership.busy.discard(source)


async def test_a_large_batch_is_fetched_ahead_of() -> None:
    """Where there is much to do, the next batch comes while this one is folded and committed."""
    pace = pacer()
    fold(pace, A, SMALL_RECORDS)
    assert pace.admits(A)
    commit(pace, A)
    assert pace.admits(A)
    pace.asked([A])
    assert pace.admits(A)


async def test_while_a_small_batch_is_committed_nothing_small_is_fetched() -> None:
    """What it writes would come in pieces, each a transaction of its own."""
    pace = pacer()
    assert pace.admits(A)
    assert pace.admits(B)
    fold(pace, A, SMALL_RECORDS - 1)
    assert not pace.admits(A)
    assert not pace.admits(B)
    fold(pace, B, SMALL_RECORDS)
    assert pace.admits(B)


async def hears_of(pace: Pacer, *sources: TopicPartition) -> None:
    """Wait until the partitions may be fetched, as the fetcher does: when it is told to look."""
    while not all(map(pace.admits, sources)):
        pace.became_idle.clear()
        await asyncio.wait_for(pace.became_idle.wait(), 5)


async def test_a_small_partition_is_asked_for_once_between_two_ticks() -> None:
    """S12: whether the fetch finds something or not; at the tick the fetcher hears of it."""
    pace = pacer()
    pace.asked([A])
    assert not pace.admits(A)
    assert pace.admits(B)
    assert pace._ownership.idle() == [A, B]  # what comes is taken
    await hears_of(pace, A)


async def test_after_a_small_batch_a_partition_is_fetched_again() -> None:
    """A commit ends what it held back, for all partitions."""
    pace = pacer()
    pace.asked([A])
    fold(pace, A, 1)
    commit(pace, A)
    assert not pace.admits(B)
    await hears_of(pace, A, B)


async def test_a_new_assignment_ends_what_was_held_back() -> None:
    """S9: a partition that comes back is not held back by what was in hand before."""
    pace = pacer()
    pace.asked([A, B])
    fold(pace, A, 1)
    pace._ownership.revoke()
    assert not pace.admits(A)
    assert not pace.admits(B)
    pace.resume()
    assert pace.admits(A)
    assert pace.admits(B)
