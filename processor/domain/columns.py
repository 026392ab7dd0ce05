"""Decoding by column: a run of plain events is checked as a whole, at C speed, and never one by one.

Plain is what publishers send: every field a string, the time `2026-01-02T03:04:05.000006Z`, the event id a
UUID. Other usual forms are made plain first. What is plain here means the same to the contract's own
validator; a property test holds it to that.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from processor.domain.events import Numbers
from processor.domain.fingerprint import prints
from processor.domain.names import OUTCOME_NUMBERS, Book
from processor.domain.timecolumn import TIME_BYTES, times_us
from schemas import COMPONENT_ID_MAX, HOST_ID_MAX

__all__ = ["FIELDS", "Columns", "Plain", "columns_of", "is_plain", "made_plain", "not_plain", "plain_of"]

Columns = tuple[Sequence[Any], ...]
"""The events' fields as JSON has them: components, outcomes, times, event ids, hosts, contexts."""


class Plain(NamedTuple):
    """The fields of a run of plain events, as the folds take them: see `Events`."""

    components: Numbers
    outcomes: Numbers
    times_us: Numbers
    prints: NDArray[np.uint64]
    hosts: Numbers


FIELDS = ("component_id", "outcome_type", "timestamp", "event_id", "host_id", "context")
_GETTERS = tuple(itemgetter(name) for name in FIELDS)

_STRINGS = {str}
_STRINGS_OR_NULLS = {str, type(None)}
_HEX_DIGITS = bytes.maketrans(b"123456789abcdefABCDEF", b"0" * 21)
_ID_FORM = "00000000-0000-0000-0000-000000000000"

# Times as the libraries of Python, JavaScript and Go write them, by length: how they end, how much of them is
# plain, and how that goes on in the plain form. Whether it is a time at all is for the checks to say.
_OTHER_TIMES = {32: ("+00:00", 26, "Z"), 24: ("Z", 23, "000Z"), 20: ("Z", 19, ".000000Z")}
_TIMES, _HOSTS = FIELDS.index("timestamp"), FIELDS.index("host_id")


def columns_of(values: Sequence[bytes | None]) -> Columns:
    """Return the fields of all values, with None for what one lacks; all None if it is no JSON object."""
    try:
        objects = list(map(orjson.loads, values))  # type: ignore[arg-type]  # it refuses None by itself
        return tuple([list(map(getter, objects)) for getter in _GETTERS])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return tuple(zip(*map(_fields, values), strict=True))


def _fields(value: bytes | None) -> tuple[Any, ...]:
    try:
        fields = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        fields = None
    return tuple(map(fields.get, FIELDS)) if isinstance(fields, dict) else (None,) * len(FIELDS)


def made_plain(columns: Columns, keys: Sequence[bytes | None]) -> Columns:
    """Return the columns with usual forms made plain: other times, and hosts given by their record's key."""
    settled = list(columns)
    settled[_TIMES] = [_plain_time(time) for time in columns[_TIMES]]
    hosts = zip(columns[_HOSTS], keys, strict=True)
    settled[_HOSTS] = [_text(key) if host is None else host for host, key in hosts]
    return tuple(settled)


def _plain_time(time: Any) -> Any:
    if isinstance(time, str) and len(time) in _OTHER_TIMES:
        end, kept, rest = _OTHER_TIMES[len(time)]
        if time.endswith(end):
            return time[:kept] + rest
    return time


def _text(key: bytes | None) -> str | None:
    try:
        return (key or b"").decode()
    except UnicodeDecodeError:
        return None


def not_plain(columns: Columns, first: int = 0) -> list[int]:
    """Return the places, counted from `first`, of the events that are not plain.

    A run that is not plain is halved until what is not plain stands alone.
    """
    if is_plain(columns):
        return []
    length = len(columns[0])
    if length == 1:
        return [first]
    middle = length // 2
    front = tuple(column[:middle] for column in columns)
    back = tuple(column[middle:] for column in columns)
    return not_plain(front, first) + not_plain(back, first + middle)


def plain_of(columns: Columns, book: Book) -> Plain:
    """Return columns that were found plain as the folds take them; the book takes in their names."""
    components, outcomes, times, ids, hosts, _ = columns
    count = len(components)
    return Plain(
        np.fromiter(map(book.components.__getitem__, components), np.int64, count),
        np.fromiter(map(OUTCOME_NUMBERS.__getitem__, outcomes), np.int64, count),
        times_us("".join(times).encode()),
        prints(bytes.fromhex("".join(ids).replace("-", ""))),
        np.fromiter(map(book.hosts.__getitem__, map(str.encode, hosts)), np.int64, count),
    )


def is_plain(columns: Columns) -> bool:
    """Say whether all events of a run, at least one, are plain: each check asks a whole column at once."""
    components, outcomes, times, ids, hosts, contexts = columns
    try:
        return (
            set(map(type, components)) == _STRINGS
            and all(components)
            and max(set(map(len, components))) <= COMPONENT_ID_MAX
            and set(map(type, hosts)) == _STRINGS
            and max(set(map(len, hosts))) <= HOST_ID_MAX
            and set(map(type, contexts)) <= _STRINGS_OR_NULLS
            and OUTCOME_NUMBERS.keys() >= set(outcomes)
            and _are_ids(ids)
            and _are_times(times)
        )
    except TypeError:  # a number, list or null among the strings
        return False


def _are_ids(column: Sequence[str]) -> bool:
    """Say whether each text is an event id; raise TypeError for what is no text."""
    joined = "".join(column)
    same = joined.isascii() and joined.encode().translate(_HEX_DIGITS) == _ID_FORM.encode() * len(column)
    return same and set(map(len, column)) == {len(_ID_FORM)}


def _are_times(column: Sequence[str]) -> bool:
    """Say whether each text is a time; raise TypeError for what is no text."""
    try:
        times_us("".join(column).encode())
    except ValueError:
        return False
    return set(map(len, column)) == {TIME_BYTES}
