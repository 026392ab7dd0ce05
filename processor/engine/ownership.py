"""Which partitions this worker may fold, and from which offset: pure, so that a model can drive it.

Laws: a batch is folded only in the epoch in which it was fetched, and only if it begins exactly where the one
before ended; state survives a rebalance only if the worker was a member, without a gap, in the generation
before.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from aiokafka import TopicPartition

from processor.engine.batch import Batch
from processor.engine.errors import EngineError

__all__ = ["Membership", "Ownership", "Plan"]


@dataclass(frozen=True, slots=True)
class Membership:
    """A member of the consumer group in one of its generations."""

    member_id: str
    generation: int

    def follows(self, earlier: "Membership | None") -> bool:
        """Whether nobody else can have owned a partition between the two.

        Every generation assigns every partition anew, so a member of two successive generations to which
        both assigned a partition was its only owner.
        """
        return (
            earlier is not None
            and earlier.member_id == self.member_id
            and earlier.generation + 1 == self.generation
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What an assignment asks for."""

    kept: frozenset[TopicPartition]
    lost: frozenset[TopicPartition]
    new: frozenset[TopicPartition]


class Ownership:
    """The partitions that are restored and may be folded."""

    def __init__(self) -> None:
        self.epoch = 0
        self.folding = False
        self.positions: dict[TopicPartition, int] = {}
        self.busy: set[TopicPartition] = set()
        self.ahead: set[TopicPartition] = set()
        self._membership: Membership | None = None

    def revoke(self) -> None:
        """Stop folding: what is fetched but not folded belongs to an epoch that is over."""
        self.epoch += 1
        self.folding = False

    def plan(self, assigned: Iterable[TopicPartition], membership: Membership) -> Plan:
        """Compare an assignment with what is held; call after `revoke`, with no commit in flight.

        Args:
            assigned: what the group gave.
            membership: as whom.
        """
        held = frozenset(self.positions)
        wanted = frozenset(assigned)
        kept = held & wanted if membership.follows(self._membership) else frozenset()
        self._membership = membership
        return Plan(kept=kept, lost=held - kept, new=wanted - kept)

    def drop(self, partitions: Iterable[TopicPartition]) -> None:
        """Forget partitions."""
        for source in partitions:
            self.positions.pop(source, None)

    def adopt(self, positions: dict[TopicPartition, int]) -> None:
        """Take over restored partitions at their checkpoints."""
        self.positions.update(positions)

    def resume(self) -> None:
        """Fold again, with every partition sought to its position."""
        self.busy.clear()
        self.ahead.clear()
        self.folding = True

    def idle(self) -> list[TopicPartition]:
        """The partitions whose records may be taken: owned, with no batch on its way through."""
        return [source for source in self.positions if self.is_idle(source)]

    def is_idle(self, source: TopicPartition) -> bool:
        """Whether a partition may be folded."""
        return source not in self.busy and self.folding and source in self.positions

    def take(self, batch: Batch) -> bool:
        """Whether the batch may be folded now; if so, its partition's position moves behind it.

        Raises:
            EngineError: records would be folded twice or left out.
        """
        if not self.folding or batch.epoch != self.epoch:
            return False
        self.check(batch.source, batch.begin_offset)
        self.positions[batch.source] = batch.next_offset
        return True

    def skip(self, source: TopicPartition, position: int) -> None:
        """Move an idle partition behind transaction markers: they take offsets, and no batch holds them."""
        self.positions[source] = position

    def check(self, source: TopicPartition, position: int) -> None:
        """Compare where a partition would be read with where it must be read.

        Raises:
            EngineError: they differ.
        """
        expected = self.positions[source]
        if position != expected:
            raise EngineError(
                f"{source.topic}[{source.partition}] would be read from {position}, "
                f"the state is counted up to {expected}",
            )
