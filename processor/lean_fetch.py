"""Takes fetched records in whole runs: no Python object per record but the one that aiokafka's C code makes.

aiokafka wraps each record in a dataclass of eleven fields, one by one, through a generator: half of what
fetching costs. Here aborted transactions, markers and positions are treated just as there, by record batch,
and a batch's records are made only when they are looped over: the fold then finds them in the processor's
cache, and they never are in memory all at once. Only the consumer that `install` is called with is changed.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult
from aiokafka.errors import CorruptRecordException

__all__ = ["Run", "install"]


def install(consumer: Any) -> None:
    """Let a consumer fetch this way from now on.

    Args:
        consumer: a started AIOKafkaConsumer that has fetched nothing; what its `getmany` returns then are
            runs of records with offset, timestamp (ms), timestamp_type, key, value and headers only.
    """
    consumer._fetcher._records = _LeanBuffer()


class Run:
    """Records of one partition in offset order, at least one; they can be looped over once.

    Args:
        pieces: lists of records, and record batches of aiokafka's; the first is a list.
        length: how many offsets the pieces span.
    """

    def __init__(self, pieces: Sequence[Any], length: int) -> None:
        self.first = pieces[0][0]
        self._pieces: Sequence[Any] | None = pieces
        self._length = length

    def __len__(self) -> int:
        """Return the number of records, counting those that a compaction took away."""
        return self._length

    def __iter__(self) -> Iterator[Any]:
        """Make the records, one by one.

        Raises:
            RuntimeError: they were looped over before; record batches are used up by that.
        """
        pieces, self._pieces = self._pieces, None
        if pieces is None:
            raise RuntimeError("the records of a run can be looped over once")
        return chain.from_iterable(pieces)


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
        self._pieces: deque[Any] | None = None
        self._end_offset = 0

    def getall(self, max_records: int | None = None) -> "Run | tuple[()]":
        """Return the next records, in offset order, and move the position behind them.

        Args:
            max_records: how many at most; None for all.

        Raises:
            CorruptRecordException: a checksum is wrong.
        """
        result = self._result
        if not result.check_assignment(result._topic_partition) or not result.has_more():
            return ()
        part = result._partition_records
        if self._pieces is None:
            self._pieces, self._end_offset = unpack(part)
        pieces, length = _take(self._pieces, max_records)
        if self._pieces:
            part.next_fetch_offset = _first_offset(self._pieces[0])
            result._update_position()
        else:
            part.next_fetch_offset = self._end_offset
            result._update_position()
            # Without these the fetched bytes would wait, in reference cycles, for the garbage collector.
            part._records_iterator = result._partition_records = self._result = None
        return Run(pieces, length) if pieces else ()


def _take(pieces: deque[Any], limit: int | None) -> tuple[list[Any], int]:
    """Take pieces off the front, as many as the limit allows; return them, and how many offsets they span.

    The first one that is taken holds at least a record; a single piece over the limit is cut.
    """
    taken: list[Any] = []
    length = 0
    while pieces and (limit is None or length < limit):
        piece, span = pieces.popleft(), 0
        if not taken:
            piece = list(piece)
            if limit is not None and len(piece) > limit:
                pieces.appendleft(piece[limit:])
                piece = piece[:limit]
            if not piece:
                continue
            span = len(piece)
        else:
            span = _span(piece)
            if limit is not None and length + span > limit:
                pieces.appendleft(piece)
                break
        taken.append(piece)
        length += span
    return taken, length


def _span(piece: Any) -> int:
    return len(piece) if isinstance(piece, list) else int(piece.next_offset - piece.base_offset)


def _first_offset(piece: Any) -> int:
    return int(piece[0].offset if isinstance(piece, list) else piece.base_offset)


def unpack(part: Any) -> tuple[deque[Any], int]:
    """Return a fetched partition's committed data from its position on, and the offset behind it.

    Args:
        part: aiokafka's `PartitionRecords`, whose rules for transactions are followed.

    Returns:
        Record batches, and lists of records where a batch has others before the position; the next offset.
    """
    found: deque[Any] = deque()
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
                found.append(batch)
            else:  # a batch is fetched whole, even if only its end was asked for
                rest = [record for record in batch if record.offset >= position]
                found.extend([rest] if rest else [])
        position = batch.next_offset
    return found, position


def _is_aborted(part: Any, batch: Any) -> bool:
    part._consume_aborted_up_to(batch.base_offset)
    if batch.is_control_batch and part._contains_abort_marker(batch):
        part._aborted_producers.discard(batch.producer_id)
    return bool(batch.is_transactional and batch.producer_id in part._aborted_producers)
