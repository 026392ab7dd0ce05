"""JSON lines become events or complaints: each line by itself, so that one bad line stops nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import orjson

from schemas.wire import WireError, WireOutcome, validate_event

__all__ = ["LINE_BYTES_MAX", "BadLine", "GoodLine", "read_events"]

LINE_BYTES_MAX = 1_048_576


class GoodLine(NamedTuple):
    """An event and the number of its line, from 1."""

    number: int
    event: WireOutcome


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no event: its number, the field at fault ("": the whole) and a code that says why."""

    number: int
    field: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.number}: {self.field}: {self.reason}".replace(": : ", ": ")


def read_events(source: BinaryIO) -> Iterator[GoodLine | BadLine]:
    """Yield what each line is; blank lines count and are passed over.

    Args:
        source: where lines are read from, as bytes.
    """
    number = 0
    while line := source.readline(LINE_BYTES_MAX + 1):
        number += 1
        if len(line) > LINE_BYTES_MAX:
            while line and not line.endswith(b"\n"):
                line = source.readline(LINE_BYTES_MAX + 1)
            yield BadLine(number, "", "too_long")
        elif line.strip():
            yield _read(number, line)


def _read(number: int, line: bytes) -> GoodLine | BadLine:
    try:
        return GoodLine(number, validate_event(orjson.loads(line)))
    except orjson.JSONDecodeError:
        return BadLine(number, "", "not_json")
    except WireError as error:
        return BadLine(number, error.field, error.reason)
