"""The checkpoint of a source partition: its next offset, written in the same transaction as the state.

So the offset lives with the state, whatever becomes of the group's offsets. A checkpoint stands in the
partition of its source's own number: a reader then waits for no transaction but those of the partitions that
it takes over, which it has fenced. The `layout` record stands in partition 0, and beside it `remarks`.
"""

from collections.abc import Mapping

import orjson
from aiokafka import TopicPartition

from processor.engine.errors import RefusedError

__all__ = [
    "LAYOUT_KEY",
    "REMARKS_KEY",
    "VERSION",
    "checkpoint_key",
    "checkpoint_value",
    "decode",
    "layout_value",
    "remarks_value",
]

VERSION = 1
LAYOUT_KEY = b'["layout"]'
REMARKS_KEY = b'["remarks"]'


def checkpoint_key(source: TopicPartition) -> bytes:
    """The record's key: the JSON array of topic and partition."""
    return orjson.dumps([source.topic, source.partition])


def checkpoint_value(next_offset: int, *, sealed: bool = False) -> bytes:
    """The record's value.

    Args:
        next_offset: where the source is read on.
        sealed: whether the fold takes no new rows any more, which it must not forget.
    """
    value: dict[str, object] = {"v": VERSION, "offset": next_offset}
    return orjson.dumps(value | {"sealed": True} if sealed else value)


def layout_value(layout: Mapping[str, int | str]) -> bytes:
    """The value of the layout record; equal layouts have equal bytes."""
    return orjson.dumps({"v": VERSION, "layout": dict(layout)}, option=orjson.OPT_SORT_KEYS)


def remarks_value(remarks: Mapping[str, int | str]) -> bytes:
    """The value of the record of remarks; equal ones have equal bytes."""
    return orjson.dumps({"v": VERSION, "remarks": dict(remarks)}, option=orjson.OPT_SORT_KEYS)


def decode(value: bytes) -> dict[str, object]:
    """Read a checkpoint or layout record.

    Raises:
        RefusedError: it was written by a release with another encoding.
    """
    body: dict[str, object] = orjson.loads(value)
    if body.get("v") != VERSION:
        raise RefusedError(
            f"a checkpoint has encoding version {body.get('v')!r}, this worker reads {VERSION}; "
            "run the release that wrote it, or a later one",
        )
    return body
