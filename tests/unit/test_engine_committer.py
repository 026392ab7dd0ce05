"""What is ready together is committed together, and a failure ends all that follows."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import TopicPartition

from processor.engine import committer
from processor.engine.checkpoints import checkpoint_key, checkpoint_value
from processor.engine.committer import Committer
from processor.engine.errors import EngineError
from processor.engine.transaction import Joint, Transaction
from tests.words import Words

WORDS, PAIRS = TopicPartition("words", 2), TopicPartition("pairs", 2)


class Recorder:
    """Stands in for the producer: what is committed together is asked here, not what a broker does."""

    def __init__(self, *_: Any) -> None:
        self.committed: list[dict[TopicPartition, int]] = []
        self.begun, self.may_go = asyncio.Event(), asyncio.Event()
        self.failure: Exception | None = None

    async def commit(self, joint: Joint) -> None:
        self.begun.set()
        await self.may_go.wait()
        if self.failure is not None:
            raise self.failure
        self.committed.append(joint.offsets)


Make = Callable[..., tuple[Committer, Recorder]]


@pytest.fixture
def make_committer(monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make a committer over a recorder."""
    monkeypatch.setattr(committer, "claiming_producer", Recorder)

    def make(expects: Callable[[], bool] = lambda: False) -> tuple[Committer, Recorder]:
        made = Committer(Words("localhost:1", "group-").config(), "group-1-words-2", expects)
        recorder: Any = made._producer
        return made, recorder

    return make


def batch(source: TopicPartition, next_offset: int) -> Transaction:
    return Transaction(source, next_offset)


async def test_what_waits_is_committed_together(
    make_committer: Make,
) -> None:
    """What is folded while a commit is under way goes with the next one, as one transaction."""
    commits, broker = make_committer()
    first = asyncio.create_task(commits.commit(batch(WORDS, 10)))
    await broker.begun.wait()
    others = [asyncio.create_task(commits.commit(batch(source, 20))) for source in (WORDS, PAIRS)]
    broker.may_go.set()
    await asyncio.gather(first, *others)
    assert broker.committed == [{WORDS: 10}, {WORDS: 20, PAIRS: 20}]


async def test_a_commit_waits_for_what_came_with_it(
    make_committer: Make,
) -> None:
    """A batch of the same fetch that is still to be folded joins the transaction."""
    on_its_way = {PAIRS}
    commits, broker = make_committer(lambda: bool(on_its_way))
    broker.may_go.set()
    first = asyncio.create_task(commits.commit(batch(WORDS, 10)))
    second = asyncio.create_task(commits.commit(batch(PAIRS, 20)))
    on_its_way.clear()
    await asyncio.gather(first, second)
    assert broker.committed == [{WORDS: 10, PAIRS: 20}]


async def test_a_commit_waits_no_longer_than_it_may(
    make_committer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that never comes, because a rebalance dropped it, holds up nothing."""
    monkeypatch.setattr(committer, "GATHER_S", 0.0)
    commits, broker = make_committer(lambda: True)
    broker.may_go.set()
    await commits.commit(batch(WORDS, 10))
    assert broker.committed == [{WORDS: 10}]


async def test_after_a_failure_nothing_is_committed(
    make_committer: Make,
) -> None:
    """A commit that follows one that failed fails with it."""
    commits, broker = make_committer()
    broker.failure = EngineError("fenced")
    first = asyncio.create_task(commits.commit(batch(WORDS, 10)))
    await broker.begun.wait()
    second = asyncio.create_task(commits.commit(batch(PAIRS, 20)))
    await asyncio.sleep(0)
    broker.may_go.set()
    assert set(await asyncio.gather(first, second, return_exceptions=True)) == {broker.failure}
    assert broker.committed == []


def test_joined_batches_keep_their_records_and_offsets() -> None:
    """S16: a joint transaction holds every record of its batches, and a checkpoint of each source."""
    words, pairs = batch(WORDS, 10), batch(PAIRS, 20)
    words.send("out", 0, None, b"1")
    pairs.send("out", 0, None, b"2")
    pairs.send("other", 1, b"k", b"3")
    joint = Joint.of([words, pairs])
    joint.add_checkpoints("checkpoints")
    found = {
        target: [(key, value) for key, value, *_ in records] for target, records in joint.outputs.items()
    }
    assert found == {
        TopicPartition("out", 0): [(None, b"1"), (None, b"2")],
        TopicPartition("other", 1): [(b"k", b"3")],
        TopicPartition("checkpoints", 2): [
            (checkpoint_key(WORDS), checkpoint_value(10)),
            (checkpoint_key(PAIRS), checkpoint_value(20)),
        ],
    }
    assert joint.offsets == {WORDS: 10, PAIRS: 20}
