"""Splitting: values that one publisher wrote alike are taken apart without a JSON parser.

A publisher writes its fields in one order and without blanks. A run of such values, joined, falls into its
fields at each `","`, in half of the time that parsing takes. The first value of a run says which shape is
tried; that all values have it is proved for every byte. Where it does not hold, the parser takes the run.
"""

from binascii import unhexlify
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from processor.domain.columns import FIELDS, Plain
from processor.domain.events import Numbers
from processor.domain.fingerprint import prints
from processor.domain.names import OUTCOME_NUMBERS, Book
from processor.domain.timecolumn import TIME_BYTES, times_us
from schemas import COMPONENT_ID_MAX, HOST_ID_MAX

__all__ = ["split"]

_CUT = '","'
_LINE = "\n"  # stands in no plain text, so that it shows where one value ends
_JOINT = (_LINE + _CUT).encode()
_CACHED_IDS = 65_536  # components and hosts come again and again; some 15 MB when full
_SHAPES = 4
_OPTIONAL = {"context"}
_ID_FORM = b"00000000-0000-0000-0000-000000000000"


def split(values: Sequence[bytes | None], book: Book) -> Plain | None:
    """Return the fields of a run of plain events, or None if they are not all of one shape, or not plain.

    Args:
        values: of the run's records, at least one.
        book: takes in the names.
    """
    try:
        return _shape(tuple(orjson.loads(values[0] or b""))).split(values, book)
    except (TypeError, ValueError):  # no value, no JSON, no object, not of the shape
        return None


class _Texts(dict[str, str]):
    """The text of each part of a column, which stands in a frame. Equal parts give one object, hash known.

    Args:
        start: what stands before the text.
        end: what stands after it.
        check: raises ValueError for a text that is not plain.
    """

    def __init__(self, start: str, end: str, check: Callable[[str], None]) -> None:
        super().__init__()
        self._start, self._end, self._check = start, end, check

    def __missing__(self, part: str) -> str:
        """Take in a part that was not seen before.

        Raises:
            ValueError: the part is not in its frame, or the text is not plain or would need escapes.
        """
        text = part.removeprefix(self._start).removesuffix(self._end)
        if self._start + text + self._end != part or '"' in text or not text.isprintable():
            raise ValueError(part)
        self._check(text)
        if len(self) >= _CACHED_IDS:
            self.clear()
        self[part] = text
        return text


class _Numbers(dict[str, int]):
    """The number of each part of a column, for one batch: looked up by what stands in the value itself."""

    def __init__(self, texts: _Texts, number: Callable[[str], int]) -> None:
        super().__init__()
        self._texts, self._number = texts, number

    def __missing__(self, part: str) -> int:
        """Take in a part that this batch has not shown before.

        Raises:
            ValueError: it is not plain.
        """
        number = self[part] = self._number(self._texts[part])
        return number


class _Shape:
    """Values with these fields in this order, each a string without escapes.

    Raises:
        ValueError: a field is unknown, missing or there twice.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        if sorted(names) != sorted(FIELDS) and sorted(names) != sorted(set(FIELDS) - _OPTIONAL):
            raise ValueError(f"the fields {names}")
        self._names = names
        starts = {name: f'{name}":"' for name in names}
        starts[names[0]] = '{"' + starts[names[0]]
        self._starts, self._ends = starts, dict.fromkeys(names, "") | {names[-1]: '"}' + _LINE}
        self._outcomes = _Numbers(self._texts("outcome_type", _check_outcome), OUTCOME_NUMBERS.__getitem__)
        self._components = self._texts("component_id", _check_component)
        self._hosts = self._texts("host_id", _check_host)
        self._contexts = self._texts("context", str) if "context" in names else None
        self._id_frame = _Frame(self._starts["event_id"], self._ends["event_id"])

    def _texts(self, name: str, check: Callable[[str], Any]) -> _Texts:
        return _Texts(self._starts[name], self._ends[name], check)

    def split(self, values: Sequence[bytes | None], book: Book) -> Plain:
        """Return the fields' columns.

        Raises:
            TypeError: a record has no value.
            ValueError: not all values are plain and of this shape.
        """
        count, width = len(values), len(self._names)
        text = _JOINT.join(values).decode() + _LINE  # type: ignore[arg-type]  # it refuses None by itself
        parts = text.split(_CUT)
        if len(parts) != width * count or "\\" in text:
            raise ValueError("another number of fields, or escapes")
        columns = {name: parts[place::width] for place, name in enumerate(self._names)}
        if self._contexts is not None:
            for part in set(columns["context"]):
                self._contexts[part]
        times_us = self._times(columns["timestamp"])
        ids = self._id_frame.prints(columns["event_id"])
        outcomes = _numbers(self._outcomes, columns["outcome_type"])
        components, hosts = self._known(book)
        return Plain(
            _numbers(components, columns["component_id"]),
            outcomes,
            times_us,
            ids,
            _numbers(hosts, columns["host_id"]),
        )

    def _known(self, book: Book) -> tuple[_Numbers, _Numbers]:
        """Return the batch's numbers of components and hosts as they stand in values of this shape."""
        known = book.parts.get(self._names)
        if known is None:
            components = _Numbers(self._components, book.components.__getitem__)
            hosts = _Numbers(self._hosts, lambda text: book.hosts[text.encode()])
            known = book.parts[self._names] = components, hosts
        return known

    def _times(self, parts: Sequence[str]) -> Numbers:
        start, end = self._starts["timestamp"].encode(), self._ends["timestamp"].encode()
        if set(map(len, parts)) != {len(start) + TIME_BYTES + len(end)}:
            raise ValueError("not all are as long as a time")
        return times_us("".join(parts).encode(), start, end)


class _Frame:
    """A column of event ids, each in its frame.

    Args:
        start: what stands before each.
        end: what stands after it.
    """

    def __init__(self, start: str, end: str) -> None:
        self._start = len(start)
        self._form = (start + _ID_FORM.decode() + end).encode()
        digits = [place for place, form in enumerate(_ID_FORM, len(start)) if form == ord("0")]
        mask = np.full(len(self._form), 255, np.uint8)
        mask[digits] = 0
        self._mask = mask
        self._fixed = np.frombuffer(self._form, np.uint8) & mask
        self._digits = np.array(digits)

    def prints(self, parts: Sequence[str]) -> NDArray[np.uint64]:
        """Return the fingerprints of the ids.

        Raises:
            ValueError: not all parts are event ids in the frame.
        """
        width = len(self._form)
        if set(map(len, parts)) != {width}:
            raise ValueError("not all are as long as an event id")
        rows = np.frombuffer("".join(parts).encode(), np.uint8).reshape(len(parts), width)
        if ((rows & self._mask) != self._fixed).any():
            raise ValueError("another form of event_id")
        return prints(unhexlify(rows[:, self._digits].tobytes()))


def _numbers(known: _Numbers, parts: Sequence[str]) -> Numbers:
    return np.fromiter(map(known.__getitem__, parts), np.int64, len(parts))


@lru_cache(maxsize=_SHAPES)
def _shape(names: tuple[str, ...]) -> _Shape:
    return _Shape(names)


def _check_component(text: str) -> None:
    if not 1 <= len(text) <= COMPONENT_ID_MAX:
        raise ValueError(text)


def _check_outcome(text: str) -> None:
    if text not in OUTCOME_NUMBERS:
        raise ValueError(text)


def _check_host(text: str) -> None:
    if len(text) > HOST_ID_MAX:
        raise ValueError(text)
