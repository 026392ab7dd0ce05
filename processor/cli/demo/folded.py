"""All is folded when the group's offsets have reached the ends of the three topics that are folded.

A transaction's marker stands behind its last record, and the committed offset before the marker; so what
counts is that no data record is left after the committed offset. The offsets are read before the ends:
then whatever intake had passed on by the time of its offset is before the end of the topic it went to.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
)

from processor.admin import AdminClient

__all__ = ["FoldWatch"]

_READ_WAIT_MS = 200
_NOT_YET = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)


class FoldWatch:
    """Watches how far a consumer group has folded.

    Args:
        client: to ask for the group's offsets.
        consumer: a started `read_uncommitted` consumer without a group; used by the watch alone.
        group: the workers' app id.
        partitions: those of the topics that are folded.
    """

    def __init__(
        self, client: AdminClient, consumer: Any, group: str, partitions: Sequence[TopicPartition]
    ) -> None:
        self._client = client
        self._consumer = consumer
        self._group = group
        self._partitions = list(partitions)

    async def committed(self) -> dict[TopicPartition, int]:
        """Return the group's next offset of each partition; 0 where it has none yet."""
        try:
            found: Mapping[TopicPartition, Any] = await self._client.list_consumer_group_offsets(self._group)
        except _NOT_YET:
            found = {}
        return {tp: max(found[tp].offset, 0) if tp in found else 0 for tp in self._partitions}

    async def is_done(self, committed: Mapping[TopicPartition, int]) -> bool:
        """Tell whether nothing but markers stands after these offsets, which were read before."""
        ends = await self._consumer.end_offsets(self._partitions)
        behind = [tp for tp in self._partitions if committed[tp] < ends[tp]]
        return not behind or await self._only_markers(committed, ends, behind)

    async def _only_markers(
        self,
        committed: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        behind: Sequence[TopicPartition],
    ) -> bool:
        """Read from the offsets to the ends; any record that is delivered is data."""
        self._consumer.assign(behind)
        for tp in behind:
            self._consumer.seek(tp, committed[tp])
        while any([await self._consumer.position(tp) < ends[tp] for tp in behind]):
            if await self._consumer.getmany(timeout_ms=_READ_WAIT_MS, max_records=1):
                return False
        return True
