"""An importer reads what another program has written down, and says what became of which component.

It is an `Importer`, which knows the files, and makes a `Reader`, which is fed line by line and settles
outcomes. Both are pure but for the files named to them: sending, bookmarks, event ids and following a
growing file are `processor.publish.importer`'s, the same for every importer, built in or a plugin.

The law that a reader keeps: what it settled at a clean point does not change, and a reader that goes on
from there with its `carry` settles what a reader of the whole log settles.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar
from uuid import UUID

from schemas import OutcomeType

__all__ = ["Carry", "Head", "Importer", "LineReader", "LogFile", "Outcome", "RawLine", "Reader", "Source"]

PlaceT = TypeVar("PlaceT")

# What a reader must know of the lines before a clean point: JSON, since it is kept in the bookmark.
Carry: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Whose files they are and how they are to be read.

    `zone` is that of the files' local times; `finished`: no installer is at work on them, so that what is
    left open at the end has failed.
    """

    host_id: str
    zone: tzinfo = UTC
    distribution: str = "debian"
    finished: bool = False


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file, its identity (32 hex digits) and its first time stamp ("" if it has none)."""

    path: Path
    identity: str
    first_stamp: str


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line without its newline, with the file it stands in and its offsets in decompressed bytes."""

    identity: str
    start: int
    end: int
    text: bytes

    def part(self, number: int) -> "RawLine":
        """Return the place of one of several outcomes of this line, counted from 0, in their order.

        Raises:
            ValueError: more outcomes than the line has characters: they are not written there.
        """
        end = self.start + 1 + number
        if end > self.end:
            raise ValueError("more outcomes than characters in the line")
        return RawLine(self.identity, self.start, end, self.text)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[PlaceT]):
    """What became of one component.

    `time_us` is when, in microseconds since the epoch, or None for now; `place` is where it is written:
    outcomes of one line have places of their own (`RawLine.part`) and differ in `part`. One that is
    `placeless` is the same outcome wherever it stands in its file. One that brings its own `event_id` or
    `host_id` keeps it.
    """

    component_id: str
    outcome_type: OutcomeType
    time_us: int | None
    context: str
    place: PlaceT
    part: str = ""
    placeless: bool = False
    event_id: UUID | None = None
    host_id: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file: its path, its first lines, and a last one that has no newline yet."""

    path: Path
    lines: Sequence[bytes]
    rest: bytes = b""

    @property
    def text(self) -> bytes:
        """All of it in one."""
        return b"\n".join([*self.lines, self.rest])


class Reader(ABC):
    """Reads lines in their order and settles outcomes."""

    @abstractmethod
    def feed(self, line: bytes, place: RawLine) -> None:
        """Read the next line.

        Args:
            line: without its newline.
            place: where it stands.

        Raises:
            ValueError: it cannot be read, and why; reading goes on with the next.
        """

    @abstractmethod
    def take(self) -> list[Outcome[RawLine]]:
        """Return what was settled since the last clean point; nothing while not clean."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing is open: what is settled will not change, and reading can go on from here."""
        return True

    @property
    def open_names(self) -> list[str]:
        """What is neither done nor failed, for people."""
        return []

    @property
    def carry(self) -> Carry:
        """What a reader needs to go on from here; meaningful at a clean point."""
        return {}

    def finish(self) -> None:  # noqa: B027  # a reader that is always clean has nothing to judge
        """Judge what is open: the file is complete, and no installer is at work on it."""


class LineReader(Reader):
    """A reader that is clean unless it says otherwise; it calls `settle` for each outcome."""

    def __init__(self) -> None:
        self._settled: list[Outcome[RawLine]] = []

    def settle(self, outcome: Outcome[RawLine]) -> None:
        """Keep an outcome until the next clean point."""
        self._settled.append(outcome)

    def take(self) -> list[Outcome[RawLine]]:
        """Return what was settled since the last clean point; nothing while not clean."""
        if not self._settled or not self.is_clean:
            return []
        outcomes, self._settled = self._settled, []
        return outcomes


class Importer(ABC):
    """One format. A plugin is a subclass named by an entry point of the group `fleetfold.importers`.

    Attributes:
        name: what people type after `fleetfold import`.
        about: one line for `fleetfold import --list`.
        pattern: which files of a folder are taken, as a pattern of the shell.
        beside: files that stand beside the logs and are no logs themselves, given or not; a pattern too.
        default_paths: what is read when no path is given; `~` is the home folder.
        tells_of: importers with the same text here tell of the same events, so that a host gets one of them.
        first_line_is_its_own: whether no two files begin with the same line, as with a time in it.
    """

    name: str
    about: str
    pattern: str = "*"
    beside: str = ""
    default_paths: tuple[str, ...] = ()
    tells_of: str = ""
    first_line_is_its_own: bool = True

    @abstractmethod
    def reader(self, source: Source, carry: Carry) -> Reader:
        """Return a reader that goes on from a clean point; `carry` is empty at the beginning of a file."""

    def recognises(self, head: Head) -> bool:
        """Return whether a file looks like this format; by default, whether one of its lines can be read."""
        reader = self.reader(Source(""), {})
        return any(_reads(reader, line) for line in head.lines if line.strip())

    def identify(self, head: Head) -> bytes | None:
        """Return what a file is known by, whatever its name; None while that is not written yet."""
        return next((line for line in head.lines if line.strip()), None)

    def lines(self, log: LogFile, offset: int, carry: Carry) -> Iterator[RawLine]:
        """Yield what is to be read from an offset on: by default the complete lines of the text.

        Raises:
            LogFileError: the file cannot be read.
            CorruptLogError: it is damaged; raised after the lines before the damage.
        """
        del carry
        from processor.publish.logfiles import read_lines  # noqa: PLC0415  # it knows this module

        return read_lines(log, offset)

    def look_around(self, paths: Sequence[Path], source: Source) -> None:  # noqa: B027  # most need not
        """Take note of the files that will be read, before the first reader: others may stand beside them."""


def _reads(reader: Reader, line: bytes) -> bool:
    try:
        reader.feed(line, RawLine("", 0, len(line) + 1, line))
    except Exception:  # noqa: BLE001  # a reader may stumble over a foreign format in any way: it cannot read it
        return False
    return True
