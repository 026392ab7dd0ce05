"""Begins a view from a snapshot file when that misses nothing, and writes one."""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from aiokafka import TopicPartition

from processor.admin import admin_client
from processor.errors import TopicsError
from processor.serve.answers import Answers
from processor.serve.follower import Source
from processor.serve.pairrows import Pair
from processor.serve.snapshot import Head, UnusableSnapshotError, read, why_unusable, write
from schemas.cofailure import pair_key
from schemas.history import history_key

__all__ = ["begin_from", "save"]

logger = logging.getLogger(__name__)

_DELETE_RETENTION_KEY = "delete.retention.ms"
_DELETE_RETENTION_MS = 86_400_000  # Kafka's default
_ROWS_PER_TURN = 4_000
# How a row begins that is none of a component, as `_rows` writes it.
_PAIR = b'{"component_a":'
_DAY = b'{"day":'
_ROW = b',"row":'


async def begin_from(
    path: Path, source: Source, topics: Sequence[str], options: Mapping[str, Any], answers: Answers
) -> dict[TopicPartition, int]:
    """Take in a snapshot's rows, and return the offsets to follow on from; none, and a word, if it is no use.

    Args:
        path: the file; a missing one is no news.
        source: the topics as they are now.
        topics: the full names of those whose rows a snapshot holds.
        options: what `Settings.kafka_options` returns.
        answers: where the rows go.
    """
    try:
        head, rows = await asyncio.to_thread(read, path)
    except FileNotFoundError:
        return {}
    except UnusableSnapshotError as error:
        return _unused(path, str(error))
    begins, ends = (_only(where, topics) for where in (source.beginnings, source.ends))
    why = why_unusable(head, source.cluster, begins, ends, await _delete_retention_ms(topics, options))
    if why is not None:
        return _unused(path, why)
    await _take(rows, answers)
    logger.info("began from the snapshot %s with %d components", path, len(answers.rows.values))
    return head.positions()


async def save(path: Path, head: Head, answers: Answers) -> None:
    """Write a snapshot of the answers as they are now.

    Raises:
        OSError: it cannot be written.
    """
    stats, pairs = list(answers.rows.values.values()), list(answers.pairs.all())
    days = list(answers.days.all()) if answers.days is not None else []
    await asyncio.to_thread(write, path, head, _rows(stats, pairs, days))


def _rows(
    stats: Sequence[bytes], pairs: Sequence[Pair], days: Sequence[tuple[bytes, bytes]]
) -> Iterator[bytes]:
    yield from stats
    for a, b, count in pairs:
        yield orjson.dumps({"component_a": a, "component_b": b, "count": count})
    for key, value in days:
        yield b"%b%b%b%b}" % (_DAY, key, _ROW, value)


class _Row:
    """A row of a file; what it is of stands in its value, but for a day's, which has its key."""

    __slots__ = ("key", "value")

    def __init__(self, value: bytes, key: bytes | None = None) -> None:
        self.value = value
        self.key = key


async def _take(rows: Iterator[bytes], answers: Answers) -> None:
    while some := list(islice(rows, _ROWS_PER_TURN)):
        answers.rows.put(_Row(value) for value in some if not value.startswith((_PAIR, _DAY)))
        answers.take_history([_day(value) for value in some if value.startswith(_DAY)])
        for value in some:
            if value.startswith(_PAIR):
                row = orjson.loads(value)
                answers.pairs.put(pair_key(row["component_a"], row["component_b"]), value)
        await asyncio.sleep(0)  # others have their turn


def _day(line: bytes) -> _Row:
    key = history_key(*orjson.loads(line)["day"])
    return _Row(line[len(_DAY) + len(key) + len(_ROW) : -1], key)


def _only(where: Mapping[TopicPartition, int], topics: Sequence[str]) -> dict[TopicPartition, int]:
    return {partition: offset for partition, offset in where.items() if partition.topic in topics}


def _unused(path: Path, why: str) -> dict[TopicPartition, int]:
    logger.warning("the snapshot %s is not used: %s; everything is read anew", path, why)
    return {}


async def _delete_retention_ms(topics: Sequence[str], options: Mapping[str, Any]) -> int:
    """Return how long tombstones stay, at least; Kafka's default where we have no right to ask."""
    try:
        async with admin_client(options) as client:
            configs = await client.topic_configs(topics, [_DELETE_RETENTION_KEY])
    except TopicsError:
        return _DELETE_RETENTION_MS
    return min(int(config[_DELETE_RETENTION_KEY]) for config in configs.values())
