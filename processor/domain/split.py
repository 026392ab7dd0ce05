"""Splitting: values that one publisher wrote alike are taken apart without a JSON parser.

A publisher writes its fields in one order and without blanks. A run of such values, joined, falls into its
fields at each `","`, in half of the time that parsing takes. The first value of a run says which shape is
tried; that all values have it is proved for every byte. Where it does not hold, the parser takes the run.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

import orjson

from processor.domain.columns import (
    FIELDS,
    HEX_DIGITS,
    ID_FORM,
    OUTCOMES,
    TIME_DIGITS,
    TIME_FORM,
    Plain,
    are_times,
)
from processor.domain.fingerprint import fingerprints_of
from schemas import COMPONENT_ID_MAX, HOST_ID_MAX

__all__ = ["split"]

_CUT = '","'
_LINE = "\n"  # stands in no JSON string; between fields only where somebody indents
_JOINT = (_CUT + _LINE + _CUT).encode()
_CACHED_IDS = 65_536  # components and hosts come again and again; some 15 MB when full
_NOT_PLAIN = b'"' + bytes(range(32))
_SHAPES = 4
_OPTIONAL = {"context"}

V = TypeVar("V")


def split(values: Sequence[bytes | None], keys: Sequence[bytes | None]) -> Plain | None:
    """Return the fields of a run of plain events, or None if they are not all of one shape, or not plain.

    Args:
        values: of the run's records, at least one.
        keys: of the same records; mostly the host ids, which then need not be made again.
    """
    try:
        return _shape(tuple(orjson.loads(values[0] or b""))).split(values, keys)
    except (TypeError, ValueError):  # no value, no JSON, no object, not of the shape
        return None


class _Parts(dict[str, V]):
    """What each part of a column means: a text in its frame. Equal parts give one object, its hash known.

    Args:
        start: what stands before the text.
        end: what stands after it.
        mean: gives the text's meaning; raises ValueError for one that is not plain.
    """

    def __init__(self, start: str, end: str, mean: Callable[[str], V]) -> None:
        super().__init__()
        self._start, self._end, self._mean = start, end, mean

    def __missing__(self, part: str) -> V:
        """Take in a part that was not seen before."""
        meaning = self._mean(self.text(part))
        if len(self) >= _CACHED_IDS:
            self.clear()
        self[part] = meaning
        return meaning

    def text(self, part: str) -> str:
        """Return the text of a part.

        Raises:
            ValueError: the part is not in its frame, or the text would need escapes.
        """
        text = part.removeprefix(self._start).removesuffix(self._end)
        if self._start + text + self._end != part or '"' in text or not text.isprintable():
            raise ValueError(part)
        return text


class _Shape:
    """Values with these fields in this order, each a string without escapes.

    Raises:
        ValueError: a field is unknown, missing or there twice.
    """

    def __init__(self, names: Sequence[str]) -> None:
        if sorted(names) != sorted(FIELDS) and sorted(names) != sorted(set(FIELDS) - _OPTIONAL):
            raise ValueError(f"the fields {names}")
        self._names, self._width = names, len(names) + 1
        starts = {name: f'{name}":"' for name in names}
        starts[names[0]] = '{"' + starts[names[0]]
        self._starts, self._ends = starts, dict.fromkeys(names, "") | {names[-1]: '"}'}
        self._components = self._parts("component_id", _component)
        self._outcomes = self._parts("outcome_type", _outcome)
        self._hosts = self._parts("host_id", _host)

    def _parts(self, name: str, mean: Callable[[str], V]) -> _Parts[V]:
        return _Parts(self._starts[name], self._ends[name], mean)

    def split(self, values: Sequence[bytes | None], keys: Sequence[bytes | None]) -> Plain:
        """Return the fields' columns.

        Raises:
            TypeError: a record has no value.
            ValueError: not all values are plain and of this shape.
        """
        joined = _JOINT.join(values).decode()  # type: ignore[arg-type]  # it refuses None by itself
        parts, width, lines = joined.split(_CUT), self._width, len(values) - 1
        if (
            len(parts) != width * len(values) - 1
            or parts[width - 1 :: width] != [_LINE] * lines  # no plain text has one: these are the joints
            or "\\" in joined
        ):
            raise ValueError("another number of fields, or escapes")
        columns = {name: parts[place::width] for place, name in enumerate(self._names)}
        if "context" in columns:
            contexts = self._parts("context", str)
            for part in set(columns["context"]):
                contexts.text(part)
        self._joined("timestamp", columns, TIME_FORM, TIME_DIGITS)
        start, end = len(self._starts["timestamp"]), -len(self._ends["timestamp"]) or None
        times = [part[start:end] for part in columns["timestamp"]]
        first, last = min(times), max(times)
        if not are_times(times, first, last):
            raise ValueError("not all are times")
        return Plain(
            list(map(self._components.__getitem__, columns["component_id"])),
            list(map(self._outcomes.__getitem__, columns["outcome_type"])),
            times,
            self._fingerprints(columns),
            self._hosts_of(columns["host_id"], keys),
            first,
            last,
        )

    def _hosts_of(self, parts: Sequence[str], keys: Sequence[bytes | None]) -> Sequence[bytes]:
        """Return the hosts: the very keys, where each is its value's host id."""
        start, end = self._starts["host_id"].encode(), self._ends["host_id"].encode()
        hosts = [key for key in keys if key is not None]
        joined = b"".join(hosts)
        same = "".join(parts).encode() == start + (end + start).join(hosts) + end
        if same and joined.translate(None, _NOT_PLAIN) == joined and max(map(len, hosts)) <= HOST_ID_MAX:
            return hosts
        return list(map(self._hosts.__getitem__, parts))

    def _fingerprints(self, columns: Mapping[str, Sequence[str]]) -> Sequence[bytes]:
        start, end = self._starts["event_id"], self._ends["event_id"]
        joined = self._joined("event_id", columns, ID_FORM, HEX_DIGITS)
        ids = joined.replace(start, "").replace(end, "") if end else joined.replace(start, "")
        if len(ids) != len(ID_FORM) * len(columns["event_id"]):  # a start has hexadecimal digits, its own
            raise ValueError("not all are event ids")
        return fingerprints_of(ids)

    def _joined(self, name: str, columns: Mapping[str, Sequence[str]], form: str, digits: bytes) -> str:
        """Return a column joined, each part known to have this form once its digits are zeros.

        Raises:
            ValueError: one has not.
        """
        parts, start, end = columns[name], self._starts[name], self._ends[name]
        frame = (start + form + end).encode()
        joined = "".join(parts)
        same = joined.isascii() and joined.encode().translate(digits) == frame.translate(digits) * len(parts)
        if not same or set(map(len, parts)) != {len(frame)}:
            raise ValueError(f"another form of {name}")
        return joined


@lru_cache(maxsize=_SHAPES)
def _shape(names: tuple[str, ...]) -> _Shape:
    return _Shape(names)


def _component(text: str) -> str:
    if not 1 <= len(text) <= COMPONENT_ID_MAX:
        raise ValueError(text)
    return text


def _outcome(text: str) -> str:
    if text not in OUTCOMES:
        raise ValueError(text)
    return OUTCOMES[text]


def _host(text: str) -> bytes:
    if len(text) > HOST_ID_MAX:
        raise ValueError(text)
    return text.encode()
