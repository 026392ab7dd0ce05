"""Packing: many deltas or pair changes in few records, each under the limit, each for one partition.

The values are internal to our own agents: JSON, `{"v":2,"deltas":[...]}` or `{"v":2,"pairs":[...]}`, short
arrays instead of objects, times as microseconds.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from processor.domain.notes import stated
from processor.domain.partition import partition_of, partition_of_pair
from processor.domain.sessions import Pair
from processor.domain.stats import Stats
from schemas import COMPONENT_ID_MAX

__all__ = [
    "ENTRY_BYTES_MAX",
    "VERSION",
    "PackingError",
    "pack_deltas",
    "pack_pairs",
    "pack_taken_back",
    "unpack_deltas",
    "unpack_pairs",
    "unpack_taken_back",
]

VERSION = 2
"""Since 2 a delta ends in its notes, or null; before, in the time of its first deprecation, or null."""

_READABLE = (1, VERSION)

# JSON writes a control character as six bytes, more than any other; a number takes 20, with a comma 21.
_COMPONENT_BYTES_MAX = 6 * COMPONENT_ID_MAX + 3
_NUMBERS_MAX = 13  # four counts, three times, and notes: four numbers, a word, brackets
_FRAME_BYTES = 40

ENTRY_BYTES_MAX = max(_COMPONENT_BYTES_MAX + _NUMBERS_MAX * 21 + 3, 2 * _COMPONENT_BYTES_MAX + 21 + 3)
"""No single delta or pair change takes more, so that any limit from here on can be kept."""


class PackingError(ValueError):
    """A packed value that this version cannot read."""


def pack_deltas(deltas: Mapping[str, Stats], partitions: int, limit_bytes: int) -> list[tuple[int, bytes]]:
    """Return values for `component-deltas`, each with its partition and of at most `limit_bytes`.

    Raises:
        ValueError: the limit is below what one entry may take.
    """
    return _pack(b"deltas", _placed(deltas.items(), partitions), limit_bytes)


def pack_taken_back(
    changes: Iterable[tuple[str, Stats]], partitions: int, limit_bytes: int
) -> list[tuple[int, bytes]]:
    """Return values for `component-deltas` that take back what void events had changed; see `taking_back`.

    Raises:
        ValueError: the limit is below what one entry may take.
    """
    return _pack(b"taken_back", _placed(changes, partitions), limit_bytes)


def _placed(changes: Iterable[tuple[str, Stats]], partitions: int) -> Mapping[int, list[Any]]:
    entries: defaultdict[int, list[Any]] = defaultdict(list)
    for component, stats in changes:
        entries[partition_of(component.encode(), partitions)].append((component, *stats))
    return entries


def pack_pairs(changes: Mapping[Pair, int], partitions: int, limit_bytes: int) -> list[tuple[int, bytes]]:
    """Return values for `pair-deltas`, each with its partition and of at most `limit_bytes`.

    Raises:
        ValueError: the limit is below what one entry may take.
    """
    entries: defaultdict[int, list[Any]] = defaultdict(list)
    for (a, b), change in changes.items():
        entries[partition_of_pair(a, b, partitions)].append((a, b, change))
    return _pack(b"pairs", entries, limit_bytes)


def unpack_deltas(value: bytes) -> list[tuple[str, Stats]]:
    """Return the components' deltas of one value.

    Raises:
        PackingError: the value is of another version, or no packed deltas at all.
    """
    return [(component, _settled(stats)) for component, *stats in _unpack("deltas", value)]


def unpack_taken_back(value: bytes) -> list[tuple[str, Stats]]:
    """Return what one value takes back.

    Raises:
        PackingError: the value is of another version, or takes nothing back.
    """
    return [(component, _settled(stats)) for component, *stats in _unpack("taken_back", value)]


def _settled(stats: list[Any]) -> Stats:
    """Return a delta as the folds have it; one of version 1 tells only of the first deprecation."""
    notes = stats[-1]
    if notes is not None:
        stats[-1] = stated(1, notes, notes) if isinstance(notes, int) else tuple(notes)
    return tuple(stats)


def unpack_pairs(value: bytes) -> list[tuple[Pair, int]]:
    """Return the pair changes of one value.

    Raises:
        PackingError: the value is of another version, or no packed pairs at all.
    """
    return [((a, b), change) for a, b, change in _unpack("pairs", value)]


def _pack(name: bytes, entries: Mapping[int, list[Any]], limit_bytes: int) -> list[tuple[int, bytes]]:
    if limit_bytes < ENTRY_BYTES_MAX + _FRAME_BYTES:
        raise ValueError(
            f"a limit of {limit_bytes} bytes; one entry may take {ENTRY_BYTES_MAX + _FRAME_BYTES}"
        )
    return [
        (partition, value)
        for partition in sorted(entries)
        for value in _split(name, entries[partition], limit_bytes)
    ]


def _split(name: bytes, entries: list[Any], limit_bytes: int) -> list[bytes]:
    """Return one value, or halve the entries until each half fits."""
    value = b'{"v":%d,"%b":%b}' % (VERSION, name, orjson.dumps(entries))
    if len(value) <= limit_bytes:
        return [value]
    middle = len(entries) // 2
    return _split(name, entries[:middle], limit_bytes) + _split(name, entries[middle:], limit_bytes)


def _unpack(name: str, value: bytes) -> list[Any]:
    try:
        fields = orjson.loads(value)
        version, entries = fields["v"], fields[name]
    except (KeyError, TypeError, ValueError) as error:
        raise PackingError(f"no packed {name}: {value[:80]!r}: {error}") from error
    if version not in _READABLE:
        raise PackingError(f"packed {name} of version {version!r}; this worker reads {_READABLE}")
    return list(entries)
