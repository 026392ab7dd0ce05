"""pip's `--log` file: one run after the other, each line with its local time, nested work indented.

A run of `pip install` begins with `Using pip` and ends with `Removed build tracker`, both not indented;
a pip inside it that installs build tools is indented, and says nothing about what the user asked for.
`pip uninstall` has neither line.

    Successfully installed a-1 b-2                          install_success of each
    Could not find a version ..., No matching distribution  install_failure
    Failed building wheel for a, Failed to build a          install_failure
    Cannot install a and b because ... conflicting          install_failure of each
    any other ERROR while installing a, b                   install_failure of each
    Successfully uninstalled a-1, outside an install        removed_by_user
"""

import re
from collections.abc import Iterable

from processor.publish.dpkg_lines import LocalClock
from processor.publish.importers.base import Carry, Head, Importer, LineReader, Outcome, RawLine, Source
from processor.publish.importers.purl import pypi_url
from schemas import OutcomeType

__all__ = ["PipLogImporter"]

_LINE = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d),(\d{3}) ( *)(.*)")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_MISSING = re.compile(
    r"ERROR: (?:Could not find a version that satisfies the requirement|"
    r"No matching distribution found for) (.+)"
)
_CONFLICT = re.compile(r"ERROR: Cannot install (.+) because these package versions have conflicting")
_BUILD = re.compile(
    r"(?:ERROR: Failed building wheel for|Failed to build|ERROR: Failed to build) '?([^\s']+)"
)
_BUILT_MANY = re.compile(r"Failed to build (.+)")
_PREPARING = re.compile(r"ERROR: (?:\[present-rich\] )?(?:.* exited with \d+|metadata generation failed)")
_UNINSTALLED = re.compile(r"Successfully uninstalled (\S+)")
_ONLY_SAID = (
    "ERROR: pip's dependency resolver",
    "ERROR: Operation cancelled",
    "ERROR: <",
    "ERROR: Resolution",
)
_WORDS_MAX = 600  # characters of what a build said last
_UNINSTALL_INDENT = 2


class PipLogImporter(Importer):
    """Reads what `pip --log FILE` wrote."""

    name = "pip"
    about = "pip's --log file: installs, failed installs and removals"
    pattern = "pip*.log*"

    def recognises(self, head: Head) -> bool:
        """Return whether a line begins with pip's time, which has a comma."""
        return any(_LINE.match(line.decode("utf-8", "replace")) for line in head.lines)

    def reader(self, source: Source, carry: Carry) -> "_PipReader":
        """Return a reader of pip's runs."""
        return _PipReader(source, carry)


class _PipReader(LineReader):
    """Of the open run: what it installs, what it installed, what failed (name to place, time, why)."""

    def __init__(self, source: Source, carry: Carry) -> None:
        super().__init__()
        last_us = carry.get("last_us")
        self._clock = LocalClock(source.zone, None if last_us is None else int(last_us))
        self._running = False
        self._begin()

    def _begin(self) -> None:
        self._installing: list[str] = []
        self._at = (RawLine("", 0, 1, b""), 0)  # the line that names what is being installed, and its time
        self._installed: list[Outcome[RawLine]] = []
        self._failed: dict[str, tuple[RawLine, int, str]] = {}
        self._collecting = ""
        self._words: list[str] = []
        self._heard = False

    @property
    def is_clean(self) -> bool:
        return not self._running

    @property
    def open_names(self) -> list[str]:
        return sorted({*self._installing, *self._failed}) or (["pip"] if self._running else [])

    @property
    def carry(self) -> Carry:
        return {"last_us": self._clock.last_us}

    def feed(self, line: bytes, place: RawLine) -> None:
        text = line.decode("utf-8").rstrip("\r")
        found = _LINE.fullmatch(text)
        if found is None:
            if text.strip():
                raise ValueError("no line of a pip log")
            return
        day, clock, ms, indent, said = found.groups()
        time_us = self._clock.read(f"{day} {clock}") + int(ms) * 1_000
        if not indent:
            self._said(said, place, time_us)
        elif self._running:
            self._inside(said, place, time_us)
        elif len(indent) == _UNINSTALL_INDENT and (gone := _UNINSTALLED.match(said)):
            name, version = _split(gone[1])
            self._settle(name, OutcomeType.REMOVED_BY_USER, time_us, f"uninstall {version}", place)

    def finish(self) -> None:
        """Judge a run without an end: pip was killed, so that what it was installing has failed."""
        if self._running:
            self._end("pip did not finish")

    def _said(self, said: str, place: RawLine, time_us: int) -> None:
        """Take a line of the run itself."""
        if said.startswith("Using pip "):
            self.finish()
            self._running = True
        elif said.startswith("Found existing installation:"):
            self.finish()  # an uninstall on its own begins; that of an upgrade is indented
        elif not self._running:
            return
        elif said.startswith("Removed build tracker"):
            self._end("")
        elif said.startswith("Collecting "):
            self._collecting = _name(said.removeprefix("Collecting "))
        elif said.startswith("Processing "):
            self._collecting = ""  # a path or an address: only what was built of it has a name
        elif said.startswith("Installing collected packages: "):
            names = said.removeprefix("Installing collected packages: ").split(", ")
            self._installing = [name.strip() for name in names]
            self._at = (place, time_us)
        elif said.startswith("Successfully installed "):
            items = said.removeprefix("Successfully installed ").split()
            for number, (name, version) in enumerate(map(_split, items)):
                self._installed.append(
                    _outcome(
                        name, OutcomeType.INSTALL_SUCCESS, time_us, f"install {version}", place.part(number)
                    )
                )
        else:
            self._note(said, place, time_us)

    def _inside(self, said: str, place: RawLine, time_us: int) -> None:
        """Take a line of something that the run does, such as a build."""
        if said.startswith("Running command "):
            self._words, self._heard = [], True
        elif said.startswith("ERROR: ") and " exited with " in said:
            self._heard = False
        elif said.startswith("ERROR: Failed building wheel for "):
            self._note(said, place, time_us)
        elif self._heard and said.strip():
            self._words.append(said.strip())

    def _note(self, said: str, place: RawLine, time_us: int) -> None:
        """Take a line that may tell of a failure."""
        if found := _MISSING.match(said):
            self._fail([_name(found[1])], said, place, time_us)
        elif found := _CONFLICT.match(said):
            self._fail(map(_name, re.split(r", | and ", found[1])), said, place, time_us)
        elif found := _BUILT_MANY.match(said):
            self._fail(map(_name, found[1].split()), said, place, time_us)
        elif found := _BUILD.match(said):
            self._fail([_name(found[1])], self._with_words(said), place, time_us)
        elif _PREPARING.match(said):
            self._fail([self._collecting], self._with_words(said), place, time_us)
        elif said.startswith("ERROR: ") and not said.startswith(_ONLY_SAID):
            self._fail(map(_name, self._installing), said, *self._at)

    def _with_words(self, said: str) -> str:
        words = "; ".join(self._words)[-_WORDS_MAX:]
        return f"{said} ({words})" if words else said

    def _fail(self, names: Iterable[str], said: str, place: RawLine, time_us: int) -> None:
        why = said.removeprefix("ERROR: ").removeprefix("[present-rich] ")
        for number, name in enumerate(filter(None, names)):
            self._failed.setdefault(name, (place.part(number), time_us, why))

    def _end(self, killed: str) -> None:
        """Settle the run; one that said what it installed has not failed, whatever it said besides."""
        if self._installed:
            for outcome in self._installed:
                self.settle(outcome)
        else:
            if killed and not self._failed:
                self._fail(map(_name, self._installing), killed, *self._at)
            for name, (place, time_us, why) in self._failed.items():
                self._settle(name, OutcomeType.INSTALL_FAILURE, time_us, why, place)
        self._running = False
        self._begin()

    def _settle(
        self, name: str, outcome_type: OutcomeType, time_us: int, context: str, place: RawLine
    ) -> None:
        self.settle(_outcome(name, outcome_type, time_us, context, place))


def _outcome(
    name: str, outcome_type: OutcomeType, time_us: int, context: str, place: RawLine
) -> Outcome[RawLine]:
    url = pypi_url(name)
    return Outcome(url, outcome_type, time_us, context, place, part=url)


def _name(text: str) -> str:
    """Return the project that a requirement names: `requests[socks]==2` is requests, a path none."""
    found = _NAME.match(text)
    return "" if found is None or "/" in text.partition(" ")[0] else found[0]


def _split(item: str) -> tuple[str, str]:
    """Return name and version of `charset-normalizer-3.4.4`."""
    name, _, version = item.rpartition("-")
    return name, version
