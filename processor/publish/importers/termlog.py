"""apt's term.log holds what dpkg and the packages' scripts said: why a package failed.

It has a section per run of apt, between `Log started:` and `Log ended:`, in local time, to the second.
An error names its package; what was printed since that package's turn began is its last words. A failure
is matched by time and by name: the section that holds the moment, and in it the error of that package.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from urllib.parse import unquote

from processor.publish.dpkg_lines import LocalClock
from processor.publish.importers.base import LogFile
from processor.publish.logfiles import LogFileError, read_lines

__all__ = ["ErrorTexts", "Section", "read_sections"]

_SLACK_US = 2_000_000
_WORDS_MAX = 600  # characters of what a script said last
_MARK = re.compile(r"Log (started|ended): (\d{4}-\d\d-\d\d) +(\d\d:\d\d:\d\d)")
_TURN = re.compile(
    r"(?:Preparing to unpack|Unpacking|Setting up|Removing|Purging configuration files for) (\S+)"
)
_DONE = re.compile(r"(Setting up|Removing) ([^\s:]+)")
_ERROR = re.compile(r"dpkg: error processing (package|archive) (\S+) \(--(\S+)\):")
_IN_REASON = re.compile(r"\bnew (\S+) package ")
_ARCHIVE = re.compile(r"(?:\d+-)?([a-z0-9][a-z0-9+.-]*)_")
_NOISE = ("(Reading database", "Selecting previously", "Processing triggers", "Log ")


@dataclass(slots=True)
class Section:
    """One run of apt: its times in microseconds, each failed package's error, what was set up and removed."""

    start_us: int
    end_us: int | None = None
    errors: dict[str, str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)

    def distance_us(self, time_us: int) -> int:
        """Return how far a moment lies outside of this run."""
        end_us = self.start_us if self.end_us is None else self.end_us
        return max(self.start_us - time_us, time_us - end_us, 0)


class ErrorTexts:
    """Finds the error text of a failure; reads the logs when it is first asked.

    Args:
        folders: where `term.log*` may lie; one that cannot be read has no texts.
        zone: the zone of their local time.
    """

    def __init__(self, folders: Iterable[Path] = (), zone: tzinfo = UTC) -> None:
        self._folders = list(folders)
        self._zone = zone
        self._sections: list[Section] | None = None

    @property
    def sections(self) -> Sequence[Section]:
        """All runs of apt that are known."""
        if self._sections is None:
            self._sections = [
                section
                for folder in self._folders
                for path in _term_logs(folder)
                for section in _sections_of(path, self._zone)
            ]
        return self._sections

    def why(self, component_id: str, time_us: int) -> str:
        """Return why a package failed at a moment, or "" if nothing says so.

        Args:
            component_id: its package URL.
            time_us: when it failed.
        """
        name = unquote(component_id.partition("?")[0].rpartition("/")[2])
        failed = [each for each in self.sections if name in each.errors]
        nearest = min(failed, key=lambda each: each.distance_us(time_us), default=None)
        if nearest is None or nearest.distance_us(time_us) > _SLACK_US:
            return ""
        return nearest.errors[name]


def read_sections(lines: Iterable[bytes], zone: tzinfo) -> Iterator[Section]:
    """Yield the runs that a term.log tells of; what is no term.log has none.

    Raises:
        ValueError: a time that does not exist.
    """
    clock = LocalClock(zone)
    section: _Open | None = None
    for raw in lines:
        # A terminal's line: what a carriage return went back over was replaced by what follows.
        line = raw.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2]
        if found := _MARK.match(line):
            time_us = clock.read(f"{found[2]} {found[3]}")
            if section is not None:
                section.run.end_us = time_us if found[1] == "ended" else None
                yield section.run
            section = _Open(Section(time_us)) if found[1] == "started" else None
        elif section is not None:
            section.read(line)
    if section is not None:
        yield section.run


class _Open:
    """A run that is being read: what was printed since the last package's turn began, and an open error."""

    def __init__(self, run: Section) -> None:
        self.run = run
        self._words: list[str] = []
        self._error: tuple[str, str] | None = None

    def read(self, line: str) -> None:
        if self._error is not None:
            _note(self.run, self._error, line.strip(), self._words)
            self._words, self._error = [], None
        elif found := _ERROR.match(line):
            self._error = (found[1], found[2])
        elif _TURN.match(line):
            self._words = []
            if done := _DONE.match(line):
                (self.run.done if done[1] == "Setting up" else self.run.removed).add(done[2])
        elif line.strip() and not line.startswith(_NOISE):
            self._words.append(line.strip())


def _note(section: Section, error: tuple[str, str], reason: str, words: list[str]) -> None:
    """Keep an error under its package's name."""
    kind, subject = error
    name = subject.partition(":")[0]
    if kind == "archive":
        found = _IN_REASON.search(reason) or _ARCHIVE.match(subject.rpartition("/")[2])
        name = "" if found is None else found[1].partition(":")[0]
    said = "; ".join(word for word in words if not word.startswith("dpkg: "))[-_WORDS_MAX:]
    if name:
        section.errors.setdefault(name, f"{reason} ({said})" if said else reason)


def _term_logs(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.name.startswith("term.log"))
    except OSError:
        return []


def _sections_of(path: Path, zone: tzinfo) -> Iterator[Section]:
    """Yield a file's sections; it is readable for root and adm only, and without it no text is known."""
    try:
        yield from read_sections((line.text for line in read_lines(LogFile(path, "", ""))), zone)
    except LogFileError:
        return
    except ValueError:
        return
