"""npm's debug logs (`_logs/*-debug-0.log`): one file for each run of npm 7 or newer.

The file says in its `logfile` line when the run began, to the millisecond in UTC: that is its time and
what it is known by. What npm did to node_modules stands in `ADD`, `CHANGE` and `REMOVE`, how it ended in
`verbose exit`; a run without that line is still going on, or was killed.

    exit 0   ADD, CHANGE                            install_success
             REMOVE, of what `npm uninstall` named  removed_by_user; what else goes is nobody's verdict
    else     the package that npm names, both sides of an ERESOLVE; where it names none (no network, a full
             disk), what the command named          install_failure
             a script of the project itself         nothing: no package is at fault
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from processor.publish.importers.base import Carry, Head, Importer, LineReader, Outcome, RawLine, Source
from processor.publish.importers.purl import npm_url
from schemas import OutcomeType
from schemas.times import to_us

__all__ = ["NpmImporter"]

_LINE = re.compile(r"\d+ ([a-zA-Z]+)(?: (.*))?")
_LOGFILE = re.compile(rb"^\d+ verbose logfile .*?(\d{4}-\d\d-\d\dT\d\d_\d\d_\d\d_\d{3}Z)-", re.MULTILINE)
_STAMP = re.compile(r"logfile .*?(\d{4}-\d\d-\d\dT\d\d_\d\d_\d\d_\d{3}Z)-")
_DID = re.compile(r"(ADD|CHANGE|REMOVE) (?:.*/)?node_modules/((?:@[^/]+/)?[^/]+)$")
_PLACED = re.compile(r"placeDep \S+ ((?:@[^/\s]+/)?[^@\s]+)@(\S*) ")
_NO_VERSION = re.compile(r"notarget No matching version found for (\S+?)\.?$")
_FOUND = re.compile(r"Found: (\S+)")
_FROM = re.compile(r"(?:peer|peerOptional|dev|optional)? ?\S+ from (\S+@\S+)$")
_SPEC = re.compile(r"((?:@[a-z0-9._~-]+/)?[a-zA-Z0-9._~-]+)(?:@([^:]*))?$")
_INSTALLS = frozenset({"install", "i", "in", "ins", "inst", "insta", "instal", "isnt", "isnta", "isntal"})
_INSTALLS |= {"isntall", "add", "ci", "clean-install", "ic", "install-clean", "isntall-clean"}
_INSTALLS |= {"update", "up", "upgrade", "udpate", "install-test", "it", "install-ci-test", "cit"}
_INSTALLS |= {"link", "ln", "dedupe", "ddp"}
_UNINSTALLS = frozenset({"uninstall", "unlink", "remove", "rm", "r", "un"})
_SAID_MAX = 1_500  # characters of npm's error
_NOISE = (
    "A complete log of this run",
    "For a full report",
    "path ",
    "    at ",
    "404 Note that you can",
    "404 tarball",
)


class NpmImporter(Importer):
    """Reads npm's debug logs."""

    name = "npm"
    about = "npm's debug logs (_logs/*-debug-0.log): installs, failed installs and removals"
    pattern = "*-debug-0.log*"
    default_paths = ("~/.npm/_logs",)

    def recognises(self, head: Head) -> bool:
        """Return whether it begins as npm's logs do."""
        return head.text.startswith(b"0 ") and b"\n1 info using npm@" in head.text

    def identify(self, head: Head) -> bytes | None:
        """Return the run's name in its `logfile` line; all logs begin with the same line."""
        found = _LOGFILE.search(head.text)
        return None if found is None else b"npm " + found[1]

    def reader(self, source: Source, carry: Carry) -> LineReader:
        """Return a reader of one run."""
        del source, carry
        return _NpmReader()


class _NpmReader(LineReader):
    def __init__(self) -> None:
        super().__init__()
        self._running = False
        self._begin()

    def _begin(self) -> None:
        self._command = ""
        self._title = RawLine("", 0, 1, b"")
        self._named: list[str] = []
        self._time_us: int | None = None
        self._did: dict[str, tuple[str, RawLine]] = {}
        self._versions: dict[str, str] = {}
        self._failing: list[str] = []
        self._said: list[str] = []
        self._resolving = False
        self._path = ""

    @property
    def is_clean(self) -> bool:
        return not self._running

    @property
    def open_names(self) -> list[str]:
        return (self._named or [f"npm {self._command}".rstrip()]) if self._running else []

    def feed(self, line: bytes, place: RawLine) -> None:
        text = line.decode("utf-8")
        found = _LINE.fullmatch(text)
        if found is None:
            raise ValueError("no line of an npm log")
        level, rest = found[1], found[2] or ""
        if text.startswith("0 verbose cli"):
            self._begin()
            self._running, self._title = True, place
        elif not self._running:
            return
        elif level == "verbose":
            self._verbose(rest, place)
        elif level == "silly":
            self._silly(rest, place)
        elif level == "error":
            self._error(rest)

    def finish(self) -> None:
        """Judge a run without an end: npm was killed."""
        if self._running:
            self._said = self._said or ["npm did not finish"]
            self._end("killed")

    def _verbose(self, rest: str, place: RawLine) -> None:
        word, _, value = rest.partition(" ")
        if word == "title":
            self._title = place  # it names the packages, so it has room for an outcome of each
            self._command, *named = value.split(" ")[1:] or [""]
            self._named = list(_names(named))
        elif word == "logfile" and (found := _STAMP.match(rest)):
            moment = datetime.strptime(found[1], "%Y-%m-%dT%H_%M_%S_%fZ").replace(tzinfo=UTC)
            self._time_us = to_us(moment)
        elif word == "pkgid":
            self._failing += _names([value])
        elif word == "exit":
            self._end(value)

    def _silly(self, rest: str, place: RawLine) -> None:
        if found := _DID.match(rest):
            self._did.setdefault(found[2], (found[1], place))
        elif found := _PLACED.match(rest):
            self._versions[found[1]] = found[2]

    def _error(self, rest: str) -> None:
        if rest not in {"", "404"} and not rest.startswith(_NOISE):
            self._said.append(rest.strip())
        if (found := _NO_VERSION.match(rest)) or (found := _FOUND.match(rest)):
            self._failing += _names([found[1]])
        elif rest.startswith("path "):
            self._path = rest.removeprefix("path ")
        elif rest == "Could not resolve dependency:":
            self._resolving = True
        elif self._resolving and (found := _FROM.match(rest)):
            self._failing += _names([found[1]])
            self._resolving = False

    def _end(self, code: str) -> None:
        if code == "0":
            self._worked()
        elif self._command in _INSTALLS and not (self._failing and self._is_own):
            why = f"exit {code}: " + "; ".join(self._said)[:_SAID_MAX]
            for number, name in enumerate(dict.fromkeys(self._failing or self._named)):
                self._settle(name, OutcomeType.INSTALL_FAILURE, why, self._title.part(number))
        self._running = False

    @property
    def _is_own(self) -> bool:
        """Whether npm stumbled over the project that it was called in."""
        return bool(self._path) and "node_modules/" not in self._path

    def _worked(self) -> None:
        for name, (verb, place) in self._did.items():
            version = self._versions.get(name, "")
            if verb != "REMOVE" and self._command in _INSTALLS | _UNINSTALLS:
                what = "install" if verb == "ADD" else "change"
                self._settle(name, OutcomeType.INSTALL_SUCCESS, f"{what} {version}".rstrip(), place)
            elif verb == "REMOVE" and self._command in _UNINSTALLS and name in self._named:
                self._settle(name, OutcomeType.REMOVED_BY_USER, "uninstall", place)

    def _settle(self, name: str, outcome_type: OutcomeType, context: str, place: RawLine) -> None:
        url = npm_url(name)
        self.settle(Outcome(url, outcome_type, self._time_us, context, place, part=url))


def _names(specs: Iterable[str]) -> Iterator[str]:
    """Yield the packages that specs name: `@types/node@20` is @types/node; paths and addresses are none."""
    for spec in specs:
        if not spec.startswith((".", "/", "~")) and (found := _SPEC.match(spec)):
            yield found[1]
