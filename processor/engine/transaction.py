"""What one batch will write: collected while folding, sent as one transaction afterwards.

A fold only touches memory. So a fold that raises has sent nothing.
"""

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition

from processor.engine.checkpoints import checkpoint_key, checkpoint_value

if TYPE_CHECKING:
    from processor.engine.table import PartitionedTable

__all__ = ["Output", "Transaction"]

Headers = list[tuple[str, bytes]]  # aiokafka takes no other sequence
Output = tuple[bytes | None, bytes | None, Headers]
NO_HEADERS: Headers = []


class Transaction:
    """The outputs of one batch.

    Args:
        source: the partition that the batch was read from.
        next_offset: the offset that is committed with the outputs.
    """

    def __init__(self, source: TopicPartition, next_offset: int) -> None:
        self.source = source
        self.next_offset = next_offset
        self.outputs: defaultdict[TopicPartition, list[Output]] = defaultdict(list)
        self.timestamp_ms = time.time_ns() // 1_000_000

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = NO_HEADERS,
    ) -> None:
        """Write a record to another topic when the batch commits."""
        self.outputs[TopicPartition(topic, partition)].append((key, value, headers))

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
        for key, row, value in changes:
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = row
            outputs.append((key, value, NO_HEADERS))

    def log_all(self, table: "PartitionedTable", records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Write keys and values to a table's changelog, where the fold sets the rows in memory itself."""
        outputs = self.outputs[TopicPartition(table.changelog, self.source.partition)]
        outputs += [(key, value, NO_HEADERS) for key, value in records]

    def add_checkpoint(self, topic: str) -> None:
        """Write the next offset beside the state, in the partition of the source's own number."""
        key, value = checkpoint_key(self.source), checkpoint_value(self.next_offset)
        self.outputs[TopicPartition(topic, self.source.partition)].append((key, value, NO_HEADERS))
