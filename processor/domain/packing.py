"""Packing: many deltas or pair changes in few records, each under the limit, each for one partition.

The values are internal to our own agents: JSON, `{"v":2,"deltas":[...]}` or `{"v":1,"pairs":[...]}`, short
arrays instead of objects, times as microseconds. A delta whose counts are all of the hour of its first event
says no more than that; another one ends with its counts by hour and by day (`history.Spread`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from processor.domain.history import NO_SPREAD, SPREAD_BYTES_MAX, Spread
from processor.domain.notes import Notes, stated
from processor.domain.partition import partition_of, partition_of_pair
from processor.domain.sessions import Pair
from processor.domain.stats import Stats
from schemas import COMPONENT_ID_MAX

__all__ = [
    "DELTAS_VERSION",
    "ENTRY_BYTES_MAX",
    "PAIRS_VERSION",
    "Delta",
    "PackingError",
    "pack_deltas",
    "pack_pairs",
    "pack_taken_back",
    "unpack_deltas",
    "unpack_pairs",
    "unpack_taken_back",
]

DELTAS_VERSION = 2
PAIRS_VERSION = 1
_DELTAS_WITHOUT_HISTORY = 1  # nor with failure sessions: written by the release before
_ENTRY_LENGTH = 10  # the component and its stats
_NOTES_AT = 8

Delta = tuple[str, Stats, Spread | None]
"""A component, what changes in its row, and where that is not of one hour its counts by hour."""

# JSON writes a control character as six bytes, more than any other; a number takes 20, with a comma 21.
_COMPONENT_BYTES_MAX = 6 * COMPONENT_ID_MAX + 3
_FRAME_BYTES = 40
_NUMBERS_MAX = 14  # five counts, three times, and notes: four numbers, a word, brackets

ENTRY_BYTES_MAX = max(
    _COMPONENT_BYTES_MAX + _NUMBERS_MAX * 21 + SPREAD_BYTES_MAX + 3, 2 * _COMPONENT_BYTES_MAX + 21 + 3
)
"""No single delta or pair change takes more, so that any limit from here on can be kept."""


class PackingError(ValueError):
    """A packed value that this version cannot read."""


def pack_deltas(
    deltas: Mapping[str, Stats], spreads: Mapping[str, Spread], partitions: int, limit_bytes: int
) -> list[tuple[int, bytes]]:
    """Return values for `component-deltas`, each with its partition and of at most `limit_bytes`.

    Args:
        deltas: what changes in each component's row.
        spreads: the counts by hour of those whose counts are not all of the hour of their first event.
        partitions: how many there are.
        limit_bytes: no value is longer.

    Raises:
        ValueError: the limit is below what one entry may take.
    """
    entries: defaultdict[int, list[Any]] = defaultdict(list)
    for component, stats in deltas.items():
        entries[partition_of(component.encode(), partitions)].append((component, *stats))
    if spreads:
        for some in entries.values():
            some[:] = [(*entry, *spreads.get(entry[0], ())) for entry in some]
    return _pack(b"deltas", DELTAS_VERSION, entries, limit_bytes)


def pack_taken_back(changes: Iterable[Delta], partitions: int, limit_bytes: int) -> list[tuple[int, bytes]]:
    """Return values for `component-deltas` that take back what void events had changed; see `taking_back`.

    Raises:
        ValueError: the limit is below what one entry may take.
    """
    entries: defaultdict[int, list[Any]] = defaultdict(list)
    for component, stats, spread in changes:
        entries[partition_of(component.encode(), partitions)].append((component, *stats, *(spread or ())))
    return _pack(b"taken_back", DELTAS_VERSION, entries, limit_bytes)


def pack_pairs(changes: Mapping[Pair, int], partitions: int, limit_bytes: int) -> list[tuple[int, bytes]]:
    """Return values for `pair-deltas`, each with its partition and of at most `limit_bytes`.

    Raises:
        ValueError: the limit is below what one entry may take.
    """
    entries: defaultdict[int, list[Any]] = defaultdict(list)
    for (a, b), change in changes.items():
        entries[partition_of_pair(a, b, partitions)].append((a, b, change))
    return _pack(b"pairs", PAIRS_VERSION, entries, limit_bytes)


def unpack_deltas(value: bytes) -> list[Delta]:
    """Return the components' deltas of one value.

    Raises:
        PackingError: the value is of another version, or no packed deltas at all.
    """
    version, entries = _unpack("deltas", value)
    if version == _DELTAS_WITHOUT_HISTORY:
        return [(entry[0], (*entry[1:-1], _first_of_all(entry[-1]), 0), NO_SPREAD) for entry in entries]
    if version != DELTAS_VERSION:
        raise PackingError(
            f"packed deltas of version {version!r}; this worker reads versions "
            f"{_DELTAS_WITHOUT_HISTORY} and {DELTAS_VERSION}"
        )
    return list(map(_delta, entries))


def unpack_taken_back(value: bytes) -> list[Delta]:
    """Return what one value takes back; see `taking_back`.

    Raises:
        PackingError: the value is of another version, or takes nothing back.
    """
    version, entries = _unpack("taken_back", value)
    if version != DELTAS_VERSION:
        raise PackingError(f"taken back in version {version!r}; this worker reads version {DELTAS_VERSION}")
    return list(map(_delta, entries))


def _delta(entry: list[Any]) -> Delta:
    if entry[_NOTES_AT] is not None:
        entry[_NOTES_AT] = tuple(entry[_NOTES_AT])
    return entry[0], tuple(entry[1:_ENTRY_LENGTH]), _spread(entry)


def _first_of_all(deprecated_us: int | None) -> Notes | None:
    """Return the notes of a delta that tells of the first deprecation only."""
    return None if deprecated_us is None else stated(1, deprecated_us, deprecated_us)


def _spread(entry: list[Any]) -> Spread | None:
    if len(entry) == _ENTRY_LENGTH:
        return None
    return entry[_ENTRY_LENGTH], entry[_ENTRY_LENGTH + 1]


def unpack_pairs(value: bytes) -> list[tuple[Pair, int]]:
    """Return the pair changes of one value.

    Raises:
        PackingError: the value is of another version, or no packed pairs at all.
    """
    version, entries = _unpack("pairs", value)
    if version != PAIRS_VERSION:
        raise PackingError(f"packed pairs of version {version!r}; this worker reads version {PAIRS_VERSION}")
    return [((a, b), change) for a, b, change in entries]


def _pack(
    name: bytes, version: int, entries: Mapping[int, list[Any]], limit_bytes: int
) -> list[tuple[int, bytes]]:
    if limit_bytes < ENTRY_BYTES_MAX + _FRAME_BYTES:
        raise ValueError(
            f"a limit of {limit_bytes} bytes; one entry may take {ENTRY_BYTES_MAX + _FRAME_BYTES}"
        )
    return [
        (partition, value)
        for partition in sorted(entries)
        for value in _split(name, version, entries[partition], limit_bytes)
    ]


def _split(name: bytes, version: int, entries: list[Any], limit_bytes: int) -> list[bytes]:
    """Return one value, or halve the entries until each half fits."""
    value = b'{"v":%d,"%b":%b}' % (version, name, orjson.dumps(entries))
    if len(value) <= limit_bytes:
        return [value]
    middle = len(entries) // 2
    front = _split(name, version, entries[:middle], limit_bytes)
    return front + _split(name, version, entries[middle:], limit_bytes)


def _unpack(name: str, value: bytes) -> tuple[Any, list[Any]]:
    """Return the version and the entries."""
    try:
        fields = orjson.loads(value)
        return fields["v"], list(fields[name])
    except (KeyError, TypeError, ValueError) as error:
        raise PackingError(f"no packed {name}: {value[:80]!r}: {error}") from error
