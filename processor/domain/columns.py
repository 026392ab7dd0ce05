"""Decoding by column: a run of plain events is checked as a whole, at C speed, and never one by one.

Plain is what publishers send: every field a string, the time `2026-01-02T03:04:05.000006Z`, the event id a
UUID. Other usual forms are made plain first. What is plain here means the same to the contract's own
validator; a property test holds it to that.
"""

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from schemas import COMPONENT_ID_MAX, HOST_ID_MAX, OutcomeType

__all__ = [
    "FIELDS",
    "HEX_DIGITS",
    "ID_FORM",
    "OUTCOMES",
    "TIME_DIGITS",
    "TIME_FORM",
    "Columns",
    "Plain",
    "are_times",
    "columns_of",
    "is_plain",
    "made_plain",
    "not_plain",
]

Columns = tuple[Sequence[Any], ...]
"""The events' fields as JSON has them: components, outcomes, times, event ids, hosts, contexts."""


class Plain(NamedTuple):
    """The fields of a run of plain events, as the folds take them.

    Attributes:
        components: their ids.
        outcomes: values of OUTCOMES.
        times: when each happened, in the plain form.
        fingerprints: of the event ids.
        hosts: their ids as UTF-8.
        first: the least of the times.
        last: the greatest.
    """

    components: Sequence[str]
    outcomes: Sequence[str]
    times: Sequence[str]
    fingerprints: Sequence[bytes]
    hosts: Sequence[bytes]
    first: str
    last: str


OUTCOMES = {outcome.value: outcome.value for outcome in OutcomeType}
"""One object for each outcome, so that equal outcomes are the same object, whose hash is known."""

FIELDS = ("component_id", "outcome_type", "timestamp", "event_id", "host_id", "context")
_GETTERS = tuple(itemgetter(name) for name in FIELDS)

_STRINGS = {str}
_STRINGS_OR_NULLS = {str, type(None)}
TIME_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
HEX_DIGITS = bytes.maketrans(b"123456789abcdefABCDEF", b"0" * 21)
TIME_FORM = "0000-00-00T00:00:00.000000Z"
_HOUR_AT, _MINUTE_AT, _SECOND_AT = 11, 14, 17
ID_FORM = "00000000-0000-0000-0000-000000000000"

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
            and OUTCOMES.keys() >= set(outcomes)
            and _have_form(times, TIME_FORM, TIME_DIGITS)
            and _have_form(ids, ID_FORM, HEX_DIGITS)
            and are_times(times, min(times), max(times))
        )
    except TypeError:  # a number, list or null among the strings
        return False


def _have_form(column: Sequence[str], form: str, digits: bytes) -> bool:
    """Say whether each text has this form, once its digits are zeros; raise TypeError for what is no text."""
    joined = "".join(column)
    same = joined.isascii() and joined.encode().translate(digits) == form.encode() * len(column)
    return same and set(map(len, column)) == {len(form)}


def are_times(column: Sequence[str], first: str, last: str) -> bool:
    """Say whether texts of the right form are times: no 30th of February, no hour 24 (which 3.13 takes).

    Args:
        column: the texts.
        first: the least of them.
        last: the greatest; if it names the same hour as the first, so do all between.
    """
    try:
        if first[: _MINUTE_AT - 1] == last[: _MINUTE_AT - 1]:
            datetime.fromisoformat(first)
            joined = "".join(column)
            tens = joined[_MINUTE_AT :: len(first)] + joined[_SECOND_AT :: len(first)]
            return not tens.strip("012345") and not first.startswith("24", _HOUR_AT)
        deque(map(datetime.fromisoformat, column), maxlen=0)
    except ValueError:
        return False
    return "T24" not in "".join(column)
