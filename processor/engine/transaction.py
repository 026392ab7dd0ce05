"""What one batch will write: collected while folding, sent as one transaction afterwards.

A fold only touches memory. So a fold that raises has sent nothing.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition

from processor.engine.checkpoints import checkpoint_key, checkpoint_value

if TYPE_CHECKING:
    from processor.engine.table import PartitionedTable

__all__ = ["Output", "Transaction"]

Headers = list[tuple[str, bytes]]  # aiokafka takes no other sequence
Output = tuple[bytes | None, bytes | None, Headers, int]
"""Key, value, headers, and the record's time in milliseconds since the epoch."""
NO_HEADERS: Headers = []


class Transaction:
    """The outputs of one batch.

    Args:
        source: the partition that the batch was read from.
        next_offset: the offset that is committed with the outputs.
        more: other partitions that the batch was read from as well, with their next offsets.
    """

    def __init__(
        self, source: TopicPartition, next_offset: int, more: Mapping[TopicPartition, int] | None = None
    ) -> None:
        self.source = source
        self.next_offset = next_offset
        self.positions = {source: next_offset, **(more or {})}
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

    def add_checkpoints(self, topic: str) -> None:
        """Write each source's next offset beside the state, in the partition of the source's own number."""
        for source, next_offset in self.positions.items():
            self.send(topic, source.partition, checkpoint_key(source), checkpoint_value(next_offset))
