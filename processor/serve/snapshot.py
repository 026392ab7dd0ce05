"""A view's rows in a file, so that a restart reads only what is new.

JSON lines: a head (which cluster, which topics, up to which offsets, when), the rows, and a foot with the
count and a checksum. A file is used only if nothing can be missing: a row that was deleted since is known
by its tombstone, and the broker keeps those for `delete.retention.ms`; so an older file is no use.
"""

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from os import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from aiokafka import TopicPartition

from processor.files import write_atomically

__all__ = ["Head", "UnusableSnapshotError", "read", "why_unusable", "write"]

_VERSION = 1
_MARGIN = 0.9  # reading what is new takes time as well
_NEWLINE = b"\n"
_DIGEST_BYTES = 16
_ROWS_PER_PART = 5_000
_READ_BYTES = 1024 * 1024
_HEAD_MAX = 1024 * 1024
_FOOT_MAX = 4096


class UnusableSnapshotError(Exception):
    """The file cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the rows of a snapshot are.

    Attributes:
        cluster: the Kafka cluster's id.
        offsets: for each full topic name, the next offset of each partition.
        saved_ms: when, in milliseconds since the epoch; every row of then is in it.
    """

    cluster: str
    offsets: dict[str, list[int]]
    saved_ms: int

    @classmethod
    def of(cls, cluster: str, offsets: Mapping[TopicPartition, int], delay_s: float) -> "Head":
        """Return the head for a view that stands at these offsets, so much behind the present."""
        by_topic: dict[str, list[int]] = {}
        for partition in sorted(offsets):
            by_topic.setdefault(partition.topic, []).append(offsets[partition])
        return cls(cluster, by_topic, time.time_ns() // 1_000_000 - int(delay_s * 1000))

    def positions(self) -> dict[TopicPartition, int]:
        """Return the next offset of each partition."""
        return {
            TopicPartition(topic, number): offset
            for topic, offsets in self.offsets.items()
            for number, offset in enumerate(offsets)
        }


def why_unusable(
    head: Head,
    cluster: str,
    beginnings: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    delete_retention_ms: int,
) -> str | None:
    """Return why following on from a snapshot could miss a row; None if it cannot.

    Args:
        head: the snapshot's.
        cluster: the id of the cluster that is asked now.
        beginnings: where the partitions begin now.
        ends: where they end now.
        delete_retention_ms: how long the broker keeps tombstones.
    """
    positions = head.positions()
    age_ms = time.time_ns() // 1_000_000 - head.saved_ms
    if head.cluster != cluster:
        return "it is of another cluster"
    if positions.keys() != ends.keys():
        return "it is of other topics"
    if not all(beginnings[tp] <= offset <= ends[tp] for tp, offset in positions.items()):
        return "the topics were made anew since"
    if age_ms > delete_retention_ms * _MARGIN:
        hours, kept = age_ms / 3_600_000, delete_retention_ms / 3_600_000
        return f"it is {hours:.1f} hours old, and what was deleted is only told for {kept:.1f}"
    if age_ms < 0:
        return "it was saved in the future"
    return None


def write(path: Path, head: Head, rows: Iterable[bytes]) -> None:
    """Write a snapshot: as a whole, or not at all.

    Args:
        path: the file.
        head: what the rows are.
        rows: each a JSON object in UTF-8.

    Raises:
        OSError: it cannot be written; the old one is as it was.
    """
    fields = {"fleetfold_snapshot": _VERSION, "cluster": head.cluster, "offsets": head.offsets}
    first = orjson.dumps(fields | {"saved_ms": head.saved_ms}) + _NEWLINE
    write_atomically(path, _parts(first, rows))


def _parts(first: bytes, rows: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the file in parts; a million rows are not to stand in memory twice."""
    checksum, count = hashlib.blake2b(first, digest_size=_DIGEST_BYTES), 0
    yield first
    for some in _batched(rows):
        lines = (row if _NEWLINE not in row else orjson.dumps(orjson.loads(row)) for row in some)
        part = b"".join(line + _NEWLINE for line in lines)
        checksum.update(part)
        count += len(some)
        yield part
    yield orjson.dumps({"rows": count, "blake2b": checksum.hexdigest()}) + _NEWLINE


def _batched(rows: Iterable[bytes]) -> Iterator[list[bytes]]:
    iterator = iter(rows)
    while some := list(islice(iterator, _ROWS_PER_PART)):
        yield some


def read(path: Path) -> tuple[Head, Iterator[bytes]]:
    """Return a snapshot's head and rows; the whole file is checked before.

    Raises:
        FileNotFoundError: there is none.
        UnusableSnapshotError: it is not whole, or not a snapshot.
    """
    with path.open("rb") as file:
        try:
            head = _head(orjson.loads(file.readline(_HEAD_MAX)))
            end = _begin_of_foot(file)
            told = orjson.loads(file.read())["blake2b"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnusableSnapshotError("it is not a snapshot, or not whole") from error
        if told != _checksum(file, end):
            raise UnusableSnapshotError("it is not whole: the checksum is another")
    return head, _rows(path, end)


def _begin_of_foot(file: BinaryIO) -> int:
    """Return where the last line begins, and let the file stand there."""
    size = file.seek(0, SEEK_END)
    file.seek(max(size - _FOOT_MAX, 0))
    tail = file.read()
    return file.seek(size - len(tail) + tail.rindex(_NEWLINE, 0, len(tail) - 1) + 1)


def _checksum(file: BinaryIO, end: int) -> str:
    checksum = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    file.seek(0)
    for begin in range(0, end, _READ_BYTES):
        checksum.update(file.read(min(_READ_BYTES, end - begin)))
    return checksum.hexdigest()


def _rows(path: Path, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        at = len(file.readline())
        while at < end:
            line = file.readline()
            at += len(line)
            yield line[:-1]


def _head(fields: Any) -> Head:
    if fields["fleetfold_snapshot"] != _VERSION:
        raise ValueError("another version")
    offsets = {topic: list(map(int, each)) for topic, each in fields["offsets"].items()}
    return Head(str(fields["cluster"]), offsets, int(fields["saved_ms"]))
