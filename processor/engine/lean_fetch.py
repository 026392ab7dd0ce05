"""Takes fetched records in whole runs: no Python object per record but the one that aiokafka's C code makes.

aiokafka wraps each record in a dataclass of eleven fields, one by one, through a generator: half of what
fetching costs. Here aborted transactions, markers and positions are treated just as there. Only the consumer
that `install` is called with is changed.
"""

from collections import OrderedDict
from typing import Any

from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult
from aiokafka.errors import CorruptRecordException

__all__ = ["install"]


def install(consumer: Any) -> None:
    """Let a consumer fetch this way from now on.

    Args:
        consumer: a started AIOKafkaConsumer that has fetched nothing; what its `getmany` returns then are
            records with offset, timestamp (ms), key, value and headers only.
    """
    consumer._fetcher._records = _LeanBuffer()


class _LeanBuffer(OrderedDict[Any, Any]):
    """Where the fetcher keeps what it fetched, by partition, until it is taken."""

    def __setitem__(self, partition: Any, result: Any) -> None:
        if type(result) is FetchResult:
            result.getall = _Taker(result).getall
        super().__setitem__(partition, result)


class _Taker:
    """Stands in for `FetchResult.getall`."""

    def __init__(self, result: Any) -> None:
        self._result = result
        self._records: list[Any] | None = None
        self._end_offset = 0
        self._taken = 0

    def getall(self, max_records: int | None = None) -> list[Any]:
        """Return the next records, in offset order, and move the position behind them.

        Args:
            max_records: how many at most; None for all.

        Raises:
            CorruptRecordException: a checksum is wrong.
        """
        result = self._result
        if not result.check_assignment(result._topic_partition) or not result.has_more():
            return []
        part = result._partition_records
        if self._records is None:
            self._records, self._end_offset = unpack(part)
        records, start, end = self._records, self._taken, len(self._records)
        if max_records is not None and end - start > max_records:
            end = self._taken = start + max_records
            part.next_fetch_offset = records[end].offset
            result._update_position()
        else:
            part.next_fetch_offset = self._end_offset
            result._update_position()
            # Without these the fetched bytes would wait, in reference cycles, for the garbage collector.
            part._records_iterator = result._partition_records = self._records = self._result = None
        return records if end - start == len(records) else records[start:end]


def unpack(part: Any) -> tuple[list[Any], int]:
    """Return a fetched partition's committed data records from its position on, and the offset behind them.

    Args:
        part: aiokafka's `PartitionRecords`, whose rules for transactions are followed.
    """
    found: list[Any] = []
    position = part.next_fetch_offset
    committed_only = part._isolation_level == READ_COMMITTED
    fetched = part._records
    while fetched.has_next():
        batch = fetched.next_batch()
        if part._check_crcs and not batch.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {part._tp}")
        if committed_only and batch.producer_id is not None and _is_aborted(part, batch):
            position = batch.next_offset
            continue
        if not batch.is_control_batch:
            if batch.base_offset >= position:
                found.extend(batch)
            else:  # a batch is fetched whole, even if only its end was asked for
                found.extend(record for record in batch if record.offset >= position)
        position = batch.next_offset
    return found, position


def _is_aborted(part: Any, batch: Any) -> bool:
    part._consume_aborted_up_to(batch.base_offset)
    if batch.is_control_batch and part._contains_abort_marker(batch):
        part._aborted_producers.discard(batch.producer_id)
    return bool(batch.is_transactional and batch.producer_id in part._aborted_producers)
