"""dpkg's log, with the error texts that apt's term.log has beside it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from processor.publish.dpkg import Carry as DpkgCarry
from processor.publish.dpkg import RunReader
from processor.publish.importers.base import Carry, Importer, Outcome, RawLine, Reader, Source
from processor.publish.importers.termlog import ErrorTexts
from schemas import OutcomeType

__all__ = ["DpkgImporter"]


class DpkgImporter(Importer):
    """Reads `dpkg.log*`; `apt/term.log*` in the same folder says why a package failed."""

    name = "dpkg"
    about = "dpkg.log: installs, failed installs and removals on Debian, with apt's error texts"
    pattern = "dpkg.log*"
    default_paths = ("/var/log",)
    tells_of = "debian packages"

    def __init__(self) -> None:
        self._errors = ErrorTexts()

    def look_around(self, paths: Sequence[Path], source: Source) -> None:
        """Note where term.log lies: in the folder `apt` beside the logs."""
        folders = dict.fromkeys(path if path.is_dir() else path.parent for path in paths)
        self._errors = ErrorTexts([folder / "apt" for folder in folders], source.zone)

    def reader(self, source: Source, carry: Carry) -> Reader:
        """Return a reader of runs of dpkg."""
        return _DpkgReader(source, carry, self._errors)


class _DpkgReader(Reader):
    def __init__(self, source: Source, carry: Carry, errors: ErrorTexts) -> None:
        self._run: RunReader[RawLine] = RunReader(source.zone, source.distribution, _carry_of(carry))
        self._errors = errors

    def feed(self, line: bytes, place: RawLine) -> None:
        self._run.feed(line, place)

    def take(self) -> list[Outcome[RawLine]]:
        return [self._explained(outcome) for outcome in self._run.take()]

    def _explained(self, outcome: Outcome[RawLine]) -> Outcome[RawLine]:
        if outcome.outcome_type is not OutcomeType.INSTALL_FAILURE or outcome.time_us is None:
            return outcome
        why = self._errors.why(outcome.component_id, outcome.time_us)
        return replace(outcome, context=f"{outcome.context}: {why}") if why else outcome

    @property
    def is_clean(self) -> bool:
        return self._run.is_clean

    @property
    def open_names(self) -> list[str]:
        return self._run.open_packages

    @property
    def carry(self) -> Carry:
        carry = self._run.carry
        return {
            "last_us": carry.last_us,
            "call": carry.call,
            "broken": carry.broken,
            "removed": sorted(carry.removed),
        }

    def finish(self) -> None:
        self._run.finish()


def _carry_of(carry: Carry) -> DpkgCarry:
    if not carry:
        return DpkgCarry()
    last_us = None if carry["last_us"] is None else int(carry["last_us"])
    removed = frozenset(map(str, carry["removed"]))
    return DpkgCarry(last_us, str(carry["call"]), bool(carry["broken"]), removed)
