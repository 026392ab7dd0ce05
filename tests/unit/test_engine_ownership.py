"""The rules of who may fold what, without a broker."""

import pytest
from aiokafka import TopicPartition

from processor.engine.batch import Batch
from processor.engine.errors import EngineError
from processor.engine.ownership import Membership, Ownership, Plan

A = TopicPartition("words", 0)
B = TopicPartition("words", 1)


def batch(source: TopicPartition, begin: int, end: int, epoch: int) -> Batch:
    return Batch(source, [], begin, end, epoch, 0)


def owning(*sources: TopicPartition, at: int = 10) -> Ownership:
    ownership = Ownership()
    ownership.plan(sources, Membership("me", 1))
    ownership.adopt(dict.fromkeys(sources, at))
    ownership.resume()
    return ownership


def test_a_batch_moves_its_partition_behind_it() -> None:
    """Reading goes on where the last folded batch ended, in its own partition only."""
    ownership = owning(A, B)
    assert ownership.take(batch(A, 10, 15, ownership.epoch))
    assert ownership.positions == {A: 15, B: 10}


def test_a_batch_of_an_epoch_that_is_over_is_not_folded() -> None:
    """S9: what was fetched before a rebalance is read again after it, so it must not count now."""
    ownership = owning(A)
    fetched = batch(A, 10, 15, ownership.epoch)
    ownership.revoke()
    ownership.resume()
    assert not ownership.take(fetched)
    assert ownership.positions == {A: 10}


def test_nothing_is_folded_between_revocation_and_resume() -> None:
    """S9: while the group decides, no batch is folded, whatever its epoch."""
    ownership = owning(A)
    ownership.revoke()
    assert not ownership.take(batch(A, 10, 15, ownership.epoch))
    assert ownership.idle() == []


@pytest.mark.parametrize("begin", [9, 11])
def test_a_batch_that_does_not_follow_the_one_before_is_an_error(begin: int) -> None:
    """S1: an overlap would count twice, a gap would lose; both end the worker."""
    ownership = owning(A)
    with pytest.raises(EngineError, match="counted up to 10"):
        ownership.take(batch(A, begin, 15, ownership.epoch))


def test_a_busy_partition_is_not_fetched() -> None:
    """The next batch of a partition waits for the commit of the one before; others go on."""
    ownership = owning(A, B)
    ownership.busy.add(A)
    assert ownership.idle() == [B]


def test_state_is_kept_over_a_rebalance_of_successive_generations() -> None:
    """A member of two generations in a row was the only owner of what both gave it."""
    ownership = owning(A, B)
    ownership.revoke()
    plan = ownership.plan([A], Membership("me", 2))
    assert plan == Plan(kept=frozenset({A}), lost=frozenset({B}), new=frozenset())


@pytest.mark.parametrize("after", [Membership("me", 3), Membership("me again", 2), Membership("me", 1)])
def test_state_is_dropped_where_membership_was_interrupted(after: Membership) -> None:
    """S10: another worker may have owned the partition in between; what is in memory may be stale."""
    ownership = owning(A)
    ownership.revoke()
    plan = ownership.plan([A], after)
    assert plan == Plan(kept=frozenset(), lost=frozenset({A}), new=frozenset({A}))
