"""What one batch will write: collected while folding, sent as one transaction afterwards.

A fold only touches memory. So a fold that raises has sent nothing.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from aiokafka import TopicPartition

from processor.engine.checkpoints import checkpoint_key, checkpoint_value

if TYPE_CHECKING:
    from processor.engine.table import PartitionedTable

__all__ = ["Joint", "Output", "Transaction"]

Headers = list[tuple[str, bytes]]  # aiokafka takes no other sequence
Output = tuple[bytes | None, bytes | None, Headers, int]
"""Key, value, headers, and the record's time in milliseconds since the epoch."""
NO_HEADERS: Headers = []


class Transaction:
    """The outputs of one batch.

    Args:
        source: the partition that the batch was read from.
        next_offset: the offset that is committed with the outputs.
        sealed: whether a fold of this source has said before that it takes no new rows any more. A fold may
            say so; it is kept with the offset, until the source is folded from its beginning again.
    """

    def __init__(self, source: TopicPartition, next_offset: int, *, sealed: bool = False) -> None:
        self.source = source
        self.next_offset = next_offset
        self.sealed = sealed
        self.outputs: defaultdict[TopicPartition, list[Output]] = defaultdict(list)
        self.timestamp_ms = time.time_ns() // 1_000_000

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = NO_HEADERS,
        timestamp_ms: int | None = None,
    ) -> None:
        """Write a record to another topic when the batch commits; its time is now, unless it is given."""
        at_ms = self.timestamp_ms if timestamp_ms is None else timestamp_ms
        self.outputs[TopicPartition(topic, partition)].append((key, value, headers, at_ms))

    def put(self, table: "PartitionedTable", key: bytes, row: Any, value: bytes | None) -> None:
        """Set a table's row, and write it to the table's changelog when the batch commits.

        Args:
            table: one that is bound to this batch's source topic.
            key: the row's key, as it stands on the changelog.
            row: what later folds find in memory; ignored for a tombstone.
            value: the row's encoding; None deletes the row and leaves a tombstone.
        """
        self.put_all(table, ((key, row, value),))

    def put_all(self, table: "PartitionedTable", changes: Iterable[tuple[bytes, Any, bytes | None]]) -> None:
        """Set many rows of a table: the same as `put` for each key, row and value."""
        partition = self.source.partition
        rows = table.partition(partition)
        outputs = self.outputs[TopicPartition(table.changelog, partition)]
        at_ms = self.timestamp_ms
        for key, row, value in changes:
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = row
            outputs.append((key, value, NO_HEADERS, at_ms))

    def log_all(self, table: "PartitionedTable", records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Write keys and values to a table's changelog, where the fold sets the rows in memory itself."""
        outputs, at_ms = (
            self.outputs[TopicPartition(table.changelog, self.source.partition)],
            self.timestamp_ms,
        )
        outputs += [(key, value, NO_HEADERS, at_ms) for key, value in records]


@dataclass(frozen=True, slots=True)
class Joint:
    """What one transaction on the broker writes: the outputs of batches of different sources.

    Attributes:
        offsets: by source the offset up to which its events are counted once this is committed.
        outputs: records by target.
        timestamp_ms: the time of the checkpoints.
        sealed: the sources whose folds take no new rows any more.
    """

    offsets: dict[TopicPartition, int]
    outputs: defaultdict[TopicPartition, list[Output]]
    timestamp_ms: int
    sealed: frozenset[TopicPartition] = frozenset()

    @classmethod
    def of(cls, transactions: Sequence[Transaction]) -> Self:
        """Join batches of different sources, at least one; no table is written by two of them."""
        first, *others = transactions
        outputs = first.outputs
        if others:
            outputs = defaultdict(list)
            for transaction in transactions:
                for target, records in transaction.outputs.items():
                    outputs[target] += records
        offsets = {transaction.source: transaction.next_offset for transaction in transactions}
        sealed = frozenset(transaction.source for transaction in transactions if transaction.sealed)
        return cls(offsets, outputs, first.timestamp_ms, sealed)

    def add_checkpoints(self, topic: str) -> None:
        """Write the next offsets beside the state, each in the partition of its source's own number."""
        for source, next_offset in self.offsets.items():
            key, value = checkpoint_key(source), checkpoint_value(next_offset, sealed=source in self.sealed)
            target = TopicPartition(topic, source.partition)
            self.outputs[target].append((key, value, NO_HEADERS, self.timestamp_ms))
