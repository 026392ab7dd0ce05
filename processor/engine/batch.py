"""A batch: one fetched run of one partition, which is folded and committed as one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiokafka import TopicPartition

__all__ = ["Batch", "FetchedRecord", "Records"]


class FetchedRecord(Protocol):
    """A record as it was fetched; topic and partition are the batch's. The timestamp is in milliseconds."""

    @property
    def offset(self) -> int:
        """Where it stands in its partition."""

    @property
    def timestamp(self) -> int:
        """When it was written, in milliseconds since the epoch."""

    @property
    def timestamp_type(self) -> int:
        """Whose clock that was: 0 the producer's, 1 the broker's."""

    @property
    def key(self) -> bytes | None:
        """As it was written."""

    @property
    def value(self) -> bytes | None:
        """As it was written; None for a tombstone."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """As they were written."""


class Records(Protocol):
    """Records in offset order."""

    def __len__(self) -> int:
        """How many there are."""

    def __iter__(self) -> Iterator[FetchedRecord]:
        """Loop over them; can be done once."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition in offset order, never empty.

    Attributes:
        source: where they were read.
        records: in offset order; they can be looped over once.
        begin_offset: the position from which they were fetched.
        next_offset: the position after them, behind any transaction markers that were seen.
        epoch: the ownership epoch in which they were fetched; a batch of an older epoch is not folded.
        oldest_ms: the time of the first record, in milliseconds since the epoch.
    """

    source: TopicPartition
    records: Records
    begin_offset: int
    next_offset: int
    epoch: int
    oldest_ms: int

    @property
    def partition(self) -> int:
        """The source partition's number."""
        number: int = self.source.partition
        return number
