"""apt's history.log has a section per run: what was to be installed or removed, and whether it failed.

Where a run failed, history.log does not say which package did; term.log does. A run is settled by its
`End-Date`. dpkg's log tells of the same packages, knows each one's architecture, and knows what was
installed without apt: prefer it, and take these logs where it is missing.

    Install, Upgrade, Reinstall, Downgrade    install_success, or, in a run with an `Error`:
                                              install_failure where term.log has an error of the package,
                                              install_success where it was set up, else nothing
    Remove, Purge                             removed_by_user, unless term.log has an error of the package
"""

import re
from collections.abc import Sequence
from pathlib import Path

from processor.publish.dpkg import package_url
from processor.publish.dpkg_lines import LocalClock
from processor.publish.importers.base import Carry, Importer, LineReader, Outcome, RawLine, Source
from processor.publish.importers.termlog import ErrorTexts, Section
from schemas import OutcomeType

__all__ = ["AptImporter"]

_FIELD = re.compile(r"([A-Z][A-Za-z-]*):(?: (.*))?")
_DATE = re.compile(r"(\d{4}-\d\d-\d\d) +(\d\d:\d\d:\d\d)")
_ITEM = re.compile(r"([a-z0-9][a-z0-9+.-]*)(?::([a-z0-9-]+))? \(([^)]*)\)(?:, |$)")
_INSTALLS = frozenset({"Install", "Upgrade", "Reinstall", "Downgrade"})
_REMOVALS = frozenset({"Remove", "Purge"})


class AptImporter(Importer):
    """Reads `history.log*`; `term.log*` beside it says which package failed and why."""

    name = "apt"
    about = "apt's history.log and term.log, where there is no dpkg.log: the same packages, so one of the two"
    pattern = "history.log*"
    beside = "term.log*"
    default_paths = ("/var/log/apt",)
    tells_of = "debian packages"

    def __init__(self) -> None:
        self._errors = ErrorTexts()

    def look_around(self, paths: Sequence[Path], source: Source) -> None:
        """Note where term.log lies: beside history.log."""
        folders = dict.fromkeys(path if path.is_dir() else path.parent for path in paths)
        self._errors = ErrorTexts(list(folders), source.zone)

    def reader(self, source: Source, carry: Carry) -> "_AptReader":
        """Return a reader of apt's runs."""
        return _AptReader(source, carry, self._errors)


class _AptReader(LineReader):
    """`_run` is what the open run did so far: verb, place of its line, and its packages with versions."""

    def __init__(self, source: Source, carry: Carry, errors: ErrorTexts) -> None:
        super().__init__()
        last_us = carry.get("last_us")
        self._clock = LocalClock(source.zone, None if last_us is None else int(last_us))
        self._last_start_us: int | None = carry.get("start_us")
        self._nth = int(carry.get("nth", 0))  # of the runs that started in the same second
        self._distribution = source.distribution
        self._errors = errors
        self._start_us: int | None = None
        self._failed = ""
        self._run: list[tuple[str, RawLine, list[tuple[str, str, str]]]] = []

    @property
    def is_clean(self) -> bool:
        return self._start_us is None

    @property
    def open_names(self) -> list[str]:
        return sorted(f"{name}:{arch}" for _, _, items in self._run for name, arch, _ in items)

    @property
    def carry(self) -> Carry:
        return {"last_us": self._clock.last_us, "start_us": self._last_start_us, "nth": self._nth}

    def feed(self, line: bytes, place: RawLine) -> None:
        text = line.decode("utf-8")
        if not text.strip():
            return
        found = _FIELD.fullmatch(text)
        if found is None:
            raise ValueError("no line of apt's history.log")
        name, value = found[1], found[2] or ""
        if name == "Start-Date":
            self.finish()
            before_us, self._start_us = self._last_start_us, self._time(value)
            self._nth = self._nth + 1 if self._start_us == before_us else 0
            self._last_start_us = self._start_us
        elif self._start_us is None:
            raise ValueError(f"{name} outside a run of apt")
        elif name in _INSTALLS or name in _REMOVALS:
            self._run.append((name, place, _items(value)))
        elif name == "Error":
            self._failed = value or "failed"
        elif name == "End-Date":
            unknown = self._end(self._time(value))
            if unknown:
                raise ValueError(
                    f"{unknown} packages of a failed run are left out: no term.log says what became of them"
                )

    def finish(self) -> None:
        """Judge a run without an end: apt was killed in it, so term.log says what it came to."""
        if self._start_us is not None:
            self._failed = self._failed or "apt did not finish"
            self._end(self._start_us)

    def _time(self, value: str) -> int:
        found = _DATE.fullmatch(value)
        if found is None:
            raise ValueError("no date and time")
        return self._clock.read(f"{found[1]} {found[2]}")

    def _end(self, end_us: int) -> int:
        """Settle the run, and return of how many packages nothing is known for want of a term.log."""
        unknown = 0
        section = self._section() if self._failed else None
        for verb, place, items in self._run:
            for number, (name, arch, version) in enumerate(items):
                judged = self._judge(verb, name, len(items), section)
                if judged is None:
                    unknown += section is None
                else:
                    outcome_type, why = judged
                    context = f"{verb.lower()} {version}" + (f": {why}" if why else "")
                    url = package_url(self._distribution, name, arch)
                    part = f"{verb} {url}"
                    self.settle(Outcome(url, outcome_type, end_us, context, place.part(number), part))
        self._start_us, self._failed, self._run = None, "", []
        return unknown

    def _judge(
        self, verb: str, name: str, how_many: int, section: Section | None
    ) -> tuple[OutcomeType, str] | None:
        """Return what became of one package, and why; None if nothing says so."""
        why = "" if section is None else section.errors.get(name, "")
        if verb in _REMOVALS:
            gone = not self._failed or (section is not None and name in section.removed and not why)
            return (OutcomeType.REMOVED_BY_USER, "") if gone else None
        if not self._failed or (section is not None and name in section.done and not why):
            return OutcomeType.INSTALL_SUCCESS, ""
        if why:
            return OutcomeType.INSTALL_FAILURE, why
        alone = how_many == 1 and len(self._run) == 1
        return (OutcomeType.INSTALL_FAILURE, self._failed) if alone else None

    def _section(self) -> Section | None:
        """Return this run's part of term.log: apt writes the same start into both, in the same order."""
        same = [each for each in self._errors.sections if each.start_us == self._start_us]
        return same[self._nth] if self._nth < len(same) else None


def _items(value: str) -> list[tuple[str, str, str]]:
    """Return name, architecture and version of each package: `a:amd64 (1, automatic), b:all (1, 2)`."""
    items = []
    end = 0
    while found := _ITEM.match(value, end):
        versions = found[3].removesuffix(", automatic").split(", ")
        items.append((found[1], found[2] or "", " to ".join(versions)))
        end = found.end()
    if end < len(value):
        raise ValueError("not a list of packages")
    return items
