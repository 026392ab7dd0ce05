"""Where a source is read on, without a broker: every case of S17."""

import pytest
from aiokafka import TopicPartition

from processor.engine.changelog import _seek_to_beginning
from processor.engine.checkpoints import checkpoint_value, decode, layout_value
from processor.engine.claims import Claim, Word
from processor.engine.errors import EngineError, RefusedError
from processor.engine.recovery import Bounds, start_offset
from processor.engine.transaction import Joint, Transaction

SOURCE = TopicPartition("words", 3)


def start(
    checkpoint: int | None, *, committed: int | None = None, word: Word = Word.COUNTED, state: bool = False
) -> int:
    group = None if committed is None else Claim(committed, "holder", word)
    return start_offset("group", SOURCE, checkpoint, Bounds(100, 200, group), state)


def test_a_source_that_was_never_read_begins_at_the_earliest_offset() -> None:
    """S17: neither state nor checkpoint nor group offset: the only case that begins at the log's start."""
    assert start(None) == 100


@pytest.mark.parametrize("checkpoint", [100, 150, 200])
def test_reading_goes_on_at_the_checkpoint(checkpoint: int) -> None:
    """S17: the log's first and last offset are inside it."""
    assert start(checkpoint, committed=checkpoint, state=True) == checkpoint


def test_deleted_group_offsets_change_nothing() -> None:
    """S17: a week idle deletes the group's offsets; the checkpoint lives with the state."""
    assert start(150, committed=None, state=True) == 150


@pytest.mark.parametrize("checkpoint", [99, 201])
def test_a_checkpoint_outside_the_log_is_refused(checkpoint: int) -> None:
    """S17: events were deleted uncounted, or the topic is another one."""
    with pytest.raises(RefusedError, match=rf"words\[3\]: the checkpoint {checkpoint} lies outside the log"):
        start(checkpoint, committed=checkpoint, state=True)


def test_a_moved_group_offset_is_refused_with_the_way_back() -> None:
    """S17: whoever moved it expected an effect; the message names the command that undoes it."""
    with pytest.raises(RefusedError, match=r"moved to 120.*--topic words:3 --reset-offsets --to-offset 150"):
        start(150, committed=120, state=True)


def test_rows_without_a_checkpoint_are_refused() -> None:
    """S17: a silent start from the earliest offset would count everything again."""
    with pytest.raises(RefusedError, match="has rows but no checkpoint"):
        start(None, state=True)


def test_a_group_offset_without_a_checkpoint_is_refused() -> None:
    """S17: a lost checkpoints topic must not look like a first start."""
    with pytest.raises(RefusedError, match="the group's offset 150 but no checkpoint"):
        start(None, committed=150)


def test_a_claim_before_the_first_commit_says_nothing() -> None:
    """S17: a worker that was killed between claim and first commit begins as one that never was."""
    assert start(None, committed=100, word=Word.UNREAD) == 100
    assert start(150, committed=100, word=Word.UNREAD, state=True) == 150


def test_a_claim_may_lie_before_the_checkpoint() -> None:
    """S16: a claim that was asked for twice may arrive once more after a commit; the checkpoint counts."""
    assert start(150, committed=120, word=Word.CLAIMED, state=True) == 150


def test_a_claim_without_a_checkpoint_is_refused() -> None:
    """S17: it was counted when it was claimed, so the checkpoints are lost."""
    with pytest.raises(RefusedError, match="the group's offset 120 but no checkpoint"):
        start(None, committed=120, word=Word.CLAIMED)


def test_checkpoints_of_another_version_are_refused() -> None:
    """A worker never guesses at an encoding that it does not know."""
    assert decode(checkpoint_value(7)) == {"v": 1, "offset": 7}
    with pytest.raises(RefusedError, match="encoding version 2"):
        decode(b'{"v":2,"offset":7}')


def test_equal_layouts_have_equal_bytes() -> None:
    """The layout's order of names must not make a start refuse itself."""
    assert layout_value({"a": 1, "b": 2}) == layout_value({"b": 2, "a": 1})


class LostRace:
    """A consumer whose seek lost against a look-up of the end, as aiokafka's did in 13 of 120 trials."""

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Lost."""

    async def position(self, partition: TopicPartition) -> int:
        return {SOURCE: 500}[partition]


async def test_a_recovery_that_would_read_nothing_is_an_error() -> None:
    """S13, the first hole: a changelog that is read from its end restores nothing, silently."""
    with pytest.raises(EngineError, match="from 500 instead of its beginning 0"):
        await _seek_to_beginning(LostRace(), [SOURCE])


@pytest.mark.parametrize("sealed", [False, True])
def test_a_seal_stands_in_the_checkpoint(sealed: bool) -> None:
    """X12: that a fold takes no new rows is kept with the offset; without a seal the record is as it was."""
    joint = Joint.of([Transaction(SOURCE, 7, sealed=sealed)])
    joint.add_checkpoints("checkpoints")
    ((_, value, *_),) = joint.outputs[TopicPartition("checkpoints", SOURCE.partition)]
    assert decode(value or b"") == {"v": 1, "offset": 7} | ({"sealed": True} if sealed else {})
