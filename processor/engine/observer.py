"""What the engine tells of its work, once per batch or rebalance, never per record.

The engine knows no metrics library: whoever wants to count and time overrides what it likes. The methods run
between the engine's steps, so they must be quick and must not raise: an error there ends the worker.
"""

from collections.abc import Collection, Mapping

from aiokafka import TopicPartition

__all__ = ["Observer"]


class Observer:
    """Hears everything and does nothing; the base of those that do."""

    def assigned(
        self,
        kept: Collection[TopicPartition],
        new: Collection[TopicPartition],
        lost: Collection[TopicPartition],
    ) -> None:
        """The group gave this worker its partitions: those it keeps, new ones, and those it had before."""

    def restoring(self, passed: int, total: int) -> None:
        """A restore under way has passed so many of the changelogs' offsets."""

    def restored(self, positions: Mapping[TopicPartition, int], records: int, duration_s: float) -> None:
        """New partitions are restored: where each is read on, and what that took (records, seconds)."""

    def folded(self, source: TopicPartition, records: int, duration_s: float) -> None:
        """A batch of so many records was folded in memory; its commit begins now."""

    def committed(
        self, source: TopicPartition, next_offset: int, duration_s: float, oldest_age_s: float
    ) -> None:
        """A batch was committed.

        Args:
            source: where the batch was read.
            next_offset: the offset up to which the source is counted now.
            duration_s: how long the commit took.
            oldest_age_s: how long ago, by this machine's clock, the batch's first record was written.
        """

    def failed(self, error: BaseException) -> None:
        """The first error: the worker ends because of it."""
