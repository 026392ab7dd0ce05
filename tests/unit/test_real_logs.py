"""What the real output of apt, pip and npm comes to; tests/data says which command wrote each file."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from processor.publish.bookmark import Bookmarks
from processor.publish.importer import ImportSummary, read_chunks
from processor.publish.importers.apt import AptImporter
from processor.publish.importers.base import Importer, Source
from processor.publish.importers.dpkg import DpkgImporter
from processor.publish.importers.npm import NpmImporter
from processor.publish.importers.pip_log import PipLogImporter
from processor.publish.importers.pip_report import PipReportImporter
from processor.publish.logfiles import find_logs
from schemas import ComponentOutcome
from tests import apt_sandbox
from tests.importing import brief

DATA = Path(__file__).parents[1] / "data"
S, F, R = "install_success", "install_failure", "removed_by_user"
NOTHING: list[tuple[str, str, str]] = []


def outcomes(importer: Importer, *paths: Path, finished: bool = False) -> list[ComponentOutcome]:
    """Return what an import of the files sends; nothing in them is unreadable or left open."""
    summary = ImportSummary()
    logs = find_logs(paths, importer)
    source = Source("h", UTC, finished=finished)
    chunks = list(read_chunks(logs, importer, source, Bookmarks(), summary))
    assert (summary.complaints, summary.unfinished) == ([], [])
    return [event for chunk in chunks for event in chunk.events]


CONFLICT = "Cannot install requests==2.31.0 and urll"
MISSING = "Could not find a version that satisfies "
PIP: dict[str, list[tuple[str, str, str]]] = {
    "success": [("packaging", S, "install 23.2"), ("six", S, "install 1.17.0")],
    "pip23-success": [("packaging", S, "install 23.2"), ("six", S, "install 1.17.0")],
    "upgrade": [("packaging", S, "install 26.3")],
    "present": NOTHING,
    "missing": [("fleetfold-no-such-package-xyz", F, MISSING)],
    "pip23-missing": [("fleetfold-no-such-package-xyz", F, MISSING)],
    "noversion": [("six", F, MISSING)],
    "build": [("fleet-broken", F, "Failed building wheel for fleet-broken (")],
    "pip23-build": [("fleet-broken", F, "Failed building wheel for fleet-broken (")],
    "metadata": NOTHING,  # pip itself does not know the name of what it could not prepare
    "pip23-metadata": NOTHING,
    "conflict": [("requests", F, CONFLICT), ("urllib3", F, CONFLICT)],
    "pip23-conflict": [("requests", F, CONFLICT), ("urllib3", F, CONFLICT)],
    "uninstall": [("six", R, "uninstall 1.17.0")],
    "dryrun": NOTHING,
    "several": [
        ("six", S, "install 1.16.0"),
        ("six", S, "install 1.17.0"),
        ("fleetfold-no-such-package-xyz", F, MISSING),
        ("six", R, "uninstall 1.17.0"),
        ("packaging", R, "uninstall 26.3"),
    ],
}


def test_every_recorded_log_has_an_expectation() -> None:
    """A recorded log without an expectation would test nothing."""
    assert set(PIP) == {path.stem for path in (DATA / "pip").glob("*.log")}
    assert set(NPM) == {path.name.removesuffix("-debug-0.log") for path in (DATA / "npm").glob("*.log")}


@pytest.mark.parametrize("name", PIP)
def test_pip(name: str) -> None:
    """Pip's own log, of two versions of pip: what worked, what failed and why, what was removed."""
    found = brief(outcomes(PipLogImporter(), DATA / "pip" / f"{name}.log"))
    assert found == [(f"pkg:pypi/{project}", kind, why) for project, kind, why in PIP[name]]


def test_pip_says_why_a_build_failed() -> None:
    """The context of a failed build holds what the build said last, and the time is pip's."""
    (failed,) = outcomes(PipLogImporter(), DATA / "pip" / "build.log")
    assert failed.context == "Failed building wheel for fleet-broken (error: the compiler is missing)"
    assert failed.timestamp == datetime(2026, 11, 24, 22, 48, 0, 487_000, UTC)


@pytest.mark.parametrize("name", ["report", "pip23-report"])
def test_pip_report(name: str, tmp_path: Path) -> None:
    """A report stands for its installs at the file's time; written again later, it is another install."""
    path = tmp_path / "report.json"
    path.write_bytes((DATA / "pip" / f"{name}.json").read_bytes())
    os.utime(path, (1_700_000_000, 1_700_000_000))
    first = outcomes(PipReportImporter(), path)
    assert sorted(brief(first)) == [
        ("pkg:pypi/packaging", S, "install 23.2"),
        ("pkg:pypi/six", S, "install 1.17.0"),
    ]
    assert {event.timestamp for event in first} == {datetime.fromtimestamp(1_700_000_000, UTC)}
    assert outcomes(PipReportImporter(), path) == first
    os.utime(path, (1_700_000_001, 1_700_000_001))
    again = outcomes(PipReportImporter(), path)
    assert {event.event_id for event in first}.isdisjoint(event.event_id for event in again)


RESOLVE = "exit 1: code ERESOLVE; ERESOLVE unable t"
NPM: dict[str, list[tuple[str, str, str]]] = {
    "npm11-install": [
        ("is-number", S, "install 6.0.0"),
        ("left-pad", S, "install 1.3.0"),
        ("is-odd", S, "install 3.0.1"),
        ("%40types/estree", S, "install 1.0.10"),
    ],
    "npm8-install": [
        ("is-number", S, "install 6.0.0"),
        ("left-pad", S, "install 1.3.0"),
        ("is-odd", S, "install 3.0.1"),
    ],
    "npm11-upgrade": [("is-odd", S, "change 2.0.0"), ("is-number", S, "change 4.0.0")],
    "npm11-ci": [(name, S, "install") for name in ("left-pad", "is-odd", "is-number", "%40types/estree")],
    "npm11-already": NOTHING,
    "npm11-missing": [("fleetfold-no-such-package-xyz", F, "exit 1: code E404; 404 Not Found - GET h")],
    "npm8-missing": [("fleetfold-no-such-package-xyz", F, "exit 1: code E404; 404 Not Found - GET h")],
    "npm11-noversion": [("left-pad", F, "exit 1: code ETARGET; notarget No matchi")],
    "npm11-build": [("fleet-broken", F, "exit 3: code 3; command failed; command ")],
    "npm8-build": [("fleet-broken", F, "exit 3: code 3; command failed; command ")],
    "npm11-conflict": [("react", F, RESOLVE), ("react-dom", F, RESOLVE)],
    "npm8-conflict": [("react", F, RESOLVE), ("react-dom", F, RESOLVE)],
    "npm11-refused": [("left-pad2", F, "exit 1: code ECONNREFUSED; syscall conne")],
    "npm11-uninstall": [("left-pad", R, "uninstall")],
    "npm8-uninstall": [("left-pad", R, "uninstall")],
    "npm11-own-script": NOTHING,
    "npm11-run": NOTHING,
    "npm11-version": NOTHING,
}


@pytest.mark.parametrize("name", NPM)
def test_npm(name: str) -> None:
    """Npm's debug logs, of two versions of npm: what worked, what failed and why, what was removed."""
    found = brief(outcomes(NpmImporter(), DATA / "npm" / f"{name}-debug-0.log"))
    assert found == [(f"pkg:npm/{package}", kind, why) for package, kind, why in NPM[name]]


def test_npm_names_and_times_by_the_text(tmp_path: Path) -> None:
    """An npm log is known by the time in it, so that it may be renamed and is still the same."""
    path = tmp_path / "copied-debug-0.log"
    path.write_bytes((DATA / "npm" / "npm11-missing-debug-0.log").read_bytes())
    (event,) = outcomes(NpmImporter(), path)
    assert [event] == outcomes(NpmImporter(), DATA / "npm" / "npm11-missing-debug-0.log")
    assert event.timestamp == datetime(2026, 11, 24, 22, 48, 30, 410_000, UTC)


APT = [
    ("good", S, "install 1"),
    ("other", S, "install 1"),
    ("good", S, "upgrade 1 to 2"),
    ("bad", F, "install 1: installed bad package post-in"),
    ("fine", S, "install 1"),
    ("needy", F, "install 1: dependency problems - leaving"),
    ("bad", R, "remove 1"),
    ("needy", R, "remove 1"),
    ("worse", F, "install 1: new worse package pre-install"),
    ("other", S, "upgrade 1 to 1.1"),
    ("good", R, "remove 2"),
    ("other", R, "purge 1.1"),
    ("fine", F, "upgrade 1 to 2: new fine package pre-ins"),
]
WORDS = {
    "bad": "(cannot reach the licence server)",
    "needy": "needy depends on bad",
    "worse": "(no space for worse)",
    "fine": "exit status 3",
}


def check_words(events: list[ComponentOutcome]) -> None:
    failed = [event for event in events if event.outcome_type == F]
    assert len(failed) == len(WORDS)
    for event in failed:
        assert WORDS[event.component_id.partition("?")[0].rpartition("/")[2]] in event.context


def test_apt() -> None:
    """Apt's history says what was tried, its term.log which package failed and what it said last."""
    events = outcomes(AptImporter(), DATA / "apt")
    assert brief(events) == [(f"pkg:deb/debian/{name}?arch=amd64", kind, why) for name, kind, why in APT]
    check_words(events)


def test_dpkg_with_the_words_of_apt(tmp_path: Path) -> None:
    """A failure in dpkg.log carries the error text of term.log, matched by time and package."""
    (tmp_path / "apt").mkdir()
    for name, place in (("dpkg.log", "dpkg.log"), ("term.log", "apt/term.log")):
        (tmp_path / place).write_bytes((DATA / "apt" / name).read_bytes())
    explained = outcomes(DpkgImporter(), tmp_path, finished=True)
    check_words(explained)
    (tmp_path / "apt" / "term.log").unlink()
    plain = outcomes(DpkgImporter(), tmp_path, finished=True)
    assert [event.event_id for event in plain] == [event.event_id for event in explained]
    assert [event.context for event in plain if event.outcome_type == F] == [
        "install 1: unpacked",
        "install 1: half-configured",
        "install 1: not-installed",
        "upgrade 1 to 2: rolled back to 1",
    ]


def test_apt_without_term_log(tmp_path: Path) -> None:
    """X1: without term.log the packages of a failed run are left out and counted, not guessed."""
    path = tmp_path / "history.log"
    path.write_bytes((DATA / "apt" / "history.log").read_bytes())
    summary = ImportSummary()
    importer = AptImporter()
    chunks = list(read_chunks(find_logs([path], importer), importer, Source("h"), Bookmarks(), summary))
    events = [event for chunk in chunks for event in chunk.events]
    failed = [event.component_id for event in events if event.outcome_type == F]
    alone = ("worse", "fine")  # in their runs, so that it must be them
    assert failed == [f"pkg:deb/debian/{name}?arch=amd64" for name in alone]
    assert summary.unreadable == 1
    assert "3 packages of a failed run are left out" in summary.complaints[0]


@pytest.mark.skipif(bool(apt_sandbox.why_not()), reason=apt_sandbox.why_not() or "apt works here")
def test_apt_at_hand(tmp_path: Path) -> None:
    """The apt of this machine, where it can be used, still writes logs that come to the same."""
    (tmp_path / "apt").mkdir()
    for name, text in apt_sandbox.record(tmp_path / "box").items():
        (tmp_path / (name if name == "dpkg.log" else f"apt/{name}")).write_bytes(text)
    events = outcomes(AptImporter(), tmp_path / "apt")
    assert [(name.partition("?")[0], kind) for name, kind, _ in brief(events)] == [
        (f"pkg:deb/debian/{name}", kind) for name, kind, _ in APT
    ]
    check_words(events)
    check_words(outcomes(DpkgImporter(), tmp_path, finished=True))
