"""However a file is cut, rotated, compressed or interrupted, each importer sends each outcome once."""

import gzip
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.publish.importers.apt import AptImporter
from processor.publish.importers.base import Importer, Source
from processor.publish.importers.dpkg import DpkgImporter
from processor.publish.importers.ndjson import NdjsonImporter
from processor.publish.importers.npm import NpmImporter
from processor.publish.importers.pip_log import PipLogImporter
from processor.publish.importers.tracker import TrackerImporter
from processor.tracker import OutcomeTracker
from schemas import ComponentOutcome, OutcomeStats, OutcomeType
from tests.importing import Broker, CrashError, import_files

DATA = Path(__file__).parents[1] / "data"
SOURCE = Source("host", UTC)
START = datetime(2026, 1, 2, tzinfo=UTC)


def ndjson_text(hour: int = 3) -> bytes:
    """Return lines that begin alike, with and without what may be left out, and two that are bad."""
    lines = [
        {"component_id": "a", "outcome_type": "install_failure", "timestamp": "2026-01-02T03:04:05Z"},
        {"component_id": "b", "outcome_type": "install_success", "timestamp": "2026-01-02T03:04:06Z"},
        {"component_id": "a", "outcome_type": "install_failure", "timestamp": "2026-01-02T03:04:05Z"},
        {"component_id": "c", "outcome_type": "rubbish"},
        {"component_id": "d", "outcome_type": "used_in_session", "timestamp": "2026-01-02T03:04:05Z"},
    ]
    given_ids = {
        "host_id": "other",
        "event_id": "01890a5d-ac96-774b-bcce-b302099a8057",
        "component_id": "e",
        "outcome_type": "deprecated",
        "timestamp": "2026-01-02T03:04:05Z",
    }
    text = b"".join(orjson.dumps(line) + b"\n" for line in [*lines, given_ids]) + b"not JSON\n"
    return text.replace(b"T03:", b"T%02d:" % hour)


@dataclass(frozen=True)
class Case:
    """An importer, the name of its file, and texts of it."""

    importer: type[Importer]
    name: str
    texts: tuple[bytes, ...]


def texts(folder: str, pattern: str) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted((DATA / folder).glob(pattern)))


PIP_ALL = b"".join(texts("pip", "*.log"))
CASES = {
    "dpkg": Case(DpkgImporter, "dpkg.log", texts("apt", "dpkg.log")),
    "apt": Case(AptImporter, "history.log", texts("apt", "history.log")),
    "pip": Case(PipLogImporter, "pip.log", (*texts("pip", "*.log"), PIP_ALL)),
    "npm": Case(NpmImporter, "2026-debug-0.log", texts("npm", "*.log")),
    "ndjson": Case(NdjsonImporter, "events.ndjson", (ndjson_text(), b"".join(map(ndjson_text, range(20))))),
}


def write(folder: Path, case: Case, text: bytes) -> None:
    """Write a file, and beside apt's history the term.log that tells what failed."""
    (folder / case.name).write_bytes(text)
    if case.importer is AptImporter:
        (folder / "term.log").write_bytes((DATA / "apt" / "term.log").read_bytes())


def imported(folder: Path, case: Case, broker: Broker, source: Source = SOURCE) -> None:
    import_files(case.importer(), source, [folder], folder / "state", broker)


def whole(case: Case, text: bytes) -> list[ComponentOutcome]:
    broker = Broker()
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), case, text)
        imported(Path(name), case, broker)
    return broker.events


@pytest.mark.parametrize("importer", CASES)
@settings(max_examples=15)
@given(data=st.data())
def test_any_split_into_imports_gives_the_same_events(importer: str, data: st.DataObject) -> None:
    """S1: imports at any moments, also amid a line, send what one import of the whole file sends."""
    case = CASES[importer]
    text = data.draw(st.sampled_from(case.texts))
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=4))
    broker = Broker()
    with tempfile.TemporaryDirectory() as name:
        for cut in [*sorted(cuts), len(text)]:
            write(Path(name), case, text[:cut])
            imported(Path(name), case, broker)
    assert broker.events == whole(case, text)
    ids = [event.event_id for event in broker.events]
    given_ids = 1 if importer != "ndjson" else text.count(b"774b-bcce")
    assert len(ids) - len(set(ids)) == max(given_ids - 1, 0)


@pytest.mark.parametrize("importer", CASES)
@settings(max_examples=8)
@given(data=st.data())
def test_crash_between_sending_and_marking(importer: str, data: st.DataObject) -> None:
    """S4: what is sent again after a crash is one chunk of at most 32 events, with the same event ids."""
    case = CASES[importer]
    text = data.draw(st.sampled_from(case.texts))
    broker = Broker(crash_after=data.draw(st.integers(1, 3)))
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), case, text)
        try:
            imported(Path(name), case, broker)
        except CrashError:
            crashed, broker = broker, Broker()
            imported(Path(name), case, broker)
            again = crashed.chunks[-1]
            assert broker.events[: len(again)] == again
            broker.chunks = [*crashed.chunks[:-1], *broker.chunks]
    assert broker.events == whole(case, text)


@pytest.mark.parametrize("importer", ["apt", "pip", "ndjson"])
@settings(max_examples=12)
@given(data=st.data())
def test_rotation_and_gzip_change_nothing(importer: str, data: st.DataObject) -> None:
    """A file that is read, rotated, compressed and read again beside its successor sends nothing twice."""
    case = CASES[importer]
    text = data.draw(st.sampled_from(case.texts))
    lines = text.splitlines(keepends=True)
    border = data.draw(st.integers(1, len(lines) - 1))
    old, new = b"".join(lines[:border]), b"".join(lines[border:])
    seen, later = data.draw(st.integers(0, len(old))), data.draw(st.integers(0, len(new)))
    broker, straight = Broker(), Broker()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, case, old[:seen])
        imported(folder, case, broker)
        write(folder, case, old)
        (folder / case.name).rename(folder / f"{case.name}.1")
        write(folder, case, new[:later])
        imported(folder, case, broker)
        (folder / f"{case.name}.1").rename(folder / "old")
        (folder / f"{case.name}.2.gz").write_bytes(gzip.compress((folder / "old").read_bytes()))
        write(folder, case, new)
        imported(folder, case, broker)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / f"{case.name}.2.gz").write_bytes(gzip.compress(old))
        write(folder, case, new)
        imported(folder, case, straight)
    assert broker.events == straight.events


STEPS = st.lists(st.tuples(st.sampled_from(list(OutcomeType)), st.booleans()), min_size=1, max_size=40)


@settings(max_examples=25)
@given(steps=STEPS, window=st.integers(1, 8), data=st.data())
def test_saves_of_a_tracker(steps: list[tuple[OutcomeType, bool]], window: int, data: st.DataObject) -> None:
    """T16, S4: imports after any saves send each event that some save held once, however the window moves."""
    tracker, broker = OutcomeTracker(max_recent_events=window), Broker()
    held: list[tuple[str, datetime]] = []
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "outcomes.json"
        for number, (outcome_type, save) in enumerate(steps):
            at = START + timedelta(seconds=number // 2)
            event = ComponentOutcome(component_id=f"c{number}", outcome_type=outcome_type, timestamp=at)
            tracker.outcomes.setdefault(
                event.component_id, OutcomeStats(component_id=event.component_id, first_seen=at)
            )
            tracker._remember(event)
            if save or number == len(steps) - 1:
                tracker.save(path)
                held += [
                    key
                    for each in tracker.recent_events
                    if (key := (each.component_id, each.timestamp)) not in held
                ]
                for _ in range(data.draw(st.integers(1, 2))):
                    import_files(TrackerImporter(), SOURCE, [path], Path(name) / "state", broker)
    assert [(event.component_id, event.timestamp) for event in broker.events] == held
    assert len({event.event_id for event in broker.events}) == len(held)
