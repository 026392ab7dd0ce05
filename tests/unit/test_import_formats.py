"""Wrong files and odd lines, importer by importer."""

import gzip
import os
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from processor.publish.bookmark import Bookmarks
from processor.publish.importer import ImportSummary, read_chunks
from processor.publish.importers.base import Importer, RawLine, Source
from processor.publish.importers.dpkg import DpkgImporter
from processor.publish.importers.ndjson import NdjsonImporter
from processor.publish.importers.npm import NpmImporter
from processor.publish.importers.pip_log import PipLogImporter
from processor.publish.importers.pip_report import PipReportImporter
from processor.publish.importers.registry import find_logs_for, importer_named, installed
from processor.publish.importers.tracker import TrackerImporter
from processor.publish.logfiles import WrongFormatError, find_logs
from processor.publish.outgoing import outgoing_context
from processor.tracker import OutcomeTracker
from schemas import ComponentOutcome, OutcomeType
from tests.importing import Broker, brief, import_files

DATA = Path(__file__).parents[1] / "data"
SOURCE = Source("h", UTC)
SAMPLES = {
    "dpkg": DATA / "dpkg" / "install.log",
    "apt": DATA / "apt" / "history.log",
    "pip": DATA / "pip" / "several.log",
    "pip-report": DATA / "pip" / "report.json",
    "npm": DATA / "npm" / "npm11-install-debug-0.log",
}


def sample(name: str, folder: Path) -> Path:
    """Return a file of an importer's format."""
    if name == "tracker":
        tracker = OutcomeTracker()
        tracker.record_outcome("a", OutcomeType.INSTALL_FAILURE)
        tracker.save(folder / "saved")
        return folder / "saved"
    if name == "ndjson":
        (folder / "events").write_bytes(b'{"component_id":"a","outcome_type":"install_failure"}\n')
        return folder / "events"
    return SAMPLES[name]


def read(
    importer: Importer, path: Path, source: Source = SOURCE
) -> tuple[list[ComponentOutcome], ImportSummary]:
    summary = ImportSummary()
    chunks = list(read_chunks(find_logs([path], importer), importer, source, Bookmarks(), summary))
    return [event for chunk in chunks for event in chunk.events], summary


@pytest.mark.parametrize("importer", [*SAMPLES, "tracker", "ndjson"])
@pytest.mark.parametrize("given", [*SAMPLES, "tracker", "ndjson"])
def test_file_of_another_format(importer: str, given: str, tmp_path: Path) -> None:
    """X10: every importer takes its own format, and says of every other whose it is; gzipped too."""
    known = installed()
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(sample(given, tmp_path).read_bytes()))
    if importer == given:
        assert len(find_logs_for(importer_named(importer, known), [path], known)) == 1
        return
    with pytest.raises(WrongFormatError, match=f"looks like something for `fleetfold import {given}`"):
        find_logs_for(importer_named(importer, known), [path], known)


def test_file_of_no_known_format(tmp_path: Path) -> None:
    """X10: a long file without one line of the format is refused before anything is sent."""
    (tmp_path / "novel").write_bytes(b"It was a dark and stormy night.\n" * 200)
    known = installed()
    with pytest.raises(WrongFormatError, match=r"is not what `fleetfold import pip` reads$"):
        find_logs_for(importer_named("pip", known), [tmp_path / "novel"], known)


def test_bad_lines_of_ndjson(tmp_path: Path) -> None:
    """X1, X2: bad lines are told with their number and reason; the good ones are sent."""
    path = tmp_path / "events.ndjson"
    good = b'{"component_id":"a","outcome_type":"install_success","timestamp":"2026-01-02T03:04:05Z"}\n'
    bad = [
        (b"nonsense", "line 2: not JSON"),
        (b"[]", "line 3: not_an_object"),
        (b'{"component_id":"a","outcome_type":"eaten"}', "line 4: outcome_type: unknown_outcome_type"),
        (b'{"component_id":"","outcome_type":"deprecated"}', "line 5: component_id: empty"),
        (b'{"component_id":"a","outcome_type":"deprecated","timestamp":5}', "line 6: timestamp: wrong_type"),
    ]
    path.write_bytes(good + b"\n".join(line for line, _ in bad) + b"\n" + good)
    events, summary = read(NdjsonImporter(), path)
    assert [event.component_id for event in events] == ["a", "a"]
    assert len({event.event_id for event in events}) == 2
    assert summary.unreadable == len(bad)
    for complaint, (_, reason) in zip(summary.complaints, bad, strict=True):
        assert reason in complaint


def test_what_a_line_of_ndjson_brings(tmp_path: Path) -> None:
    """A host, an event id and a time that a line brings are kept; what it leaves out is filled in."""
    event_id = "01890a5d-ac96-774b-bcce-b302099a8057"
    own = {"component_id": "a", "outcome_type": "deprecated", "host_id": "mine", "event_id": event_id}
    bare = {"component_id": "b", "outcome_type": "deprecated"}
    path = tmp_path / "events.ndjson"
    path.write_bytes(orjson.dumps(own) + b"\n" + orjson.dumps(bare) + b"\n")
    begin = datetime.now(UTC)
    (first, second), _ = read(NdjsonImporter(), path)
    assert (first.host_id, str(first.event_id)) == ("mine", event_id)
    assert (second.host_id, second.event_id is not None) == ("h", True)
    assert begin <= second.timestamp <= datetime.now(UTC)


def test_files_of_ndjson_that_begin_alike(tmp_path: Path) -> None:
    """Two files with the same first line are two; a file that was overwritten is another one."""
    line = b'{"component_id":"%s","outcome_type":"install_failure"}\n'
    one, two = tmp_path / "one.ndjson", tmp_path / "two.ndjson"
    one.write_bytes(line % b"a" + line % b"b")
    two.write_bytes(line % b"a" + line % b"c")
    broker = Broker()

    def again() -> list[str]:
        broker.chunks.clear()
        import_files(NdjsonImporter(), SOURCE, [one, two], tmp_path / "state", broker)
        return [event.component_id for event in broker.events]

    assert again() == ["a", "b", "a", "c"]
    assert again() == []
    one.write_bytes(line % b"a" + line % b"b" + line % b"d")
    assert again() == ["d"]
    one.write_bytes(line % b"a")
    assert again() == ["a"]
    (tmp_path / "three.ndjson").write_bytes(two.read_bytes())
    two.rename(tmp_path / "two.ndjson.1")
    import_files(NdjsonImporter(), SOURCE, [tmp_path / "two.ndjson.1"], tmp_path / "state", broker)
    assert [event.component_id for event in broker.events] == ["a"]


def test_ids_that_the_topic_does_not_take(tmp_path: Path) -> None:
    """T16, X2: ids of any length are read; one that the topic does not take is left out and counted."""
    tracker = OutcomeTracker()
    tracker.record_outcome("x" * 300, OutcomeType.INSTALL_FAILURE)
    tracker.record_outcome("y", OutcomeType.INSTALL_FAILURE, "because " * 1_000)
    tracker.save(tmp_path / "t.json")
    events, summary = read(TrackerImporter(), tmp_path / "t.json")
    assert [event.component_id for event in events] == ["y"]
    assert len(events[0].context) == 2_048
    assert summary.unreadable == 1


def test_file_of_an_older_tracker(tmp_path: Path) -> None:
    """T16: a file with the first tracker's fields only is imported; what is bad in it is told."""
    stats = {"component_id": "a", "install_successes": 5, "first_seen": "2026-01-02T03:04:05+00:00"}
    event = {
        "component_id": "a",
        "outcome_type": "install_success",
        "timestamp": "2026-01-02T03:04:05",
        "context": "",
    }
    bad = {"component_id": "a", "outcome_type": "eaten", "timestamp": "2026-01-02T03:04:05"}
    document = {"outcomes": {"a": stats}, "recent_events": [event, bad, event], "max_recent_events": 1000}
    path = tmp_path / "outcomes.json"
    path.write_bytes(orjson.dumps(document))
    events, summary = read(TrackerImporter(), path)
    assert [(e.component_id, e.timestamp) for e in events] == [
        ("a", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    ] * 2
    assert len({e.event_id for e in events}) == 2
    assert "outcome_type" in summary.complaints[0]


def test_documents_that_are_cut(tmp_path: Path) -> None:
    """X1: a document that is not complete is one unreadable place, not a traceback."""
    for importer, name in ((TrackerImporter(), "tracker"), (PipReportImporter(), "pip-report")):
        path = tmp_path / f"{name}.json"
        path.write_bytes(sample(name, tmp_path).read_bytes()[:200])
        events, summary = read(importer, path)
        assert (events, summary.unreadable) == ([], 1)
        assert "no complete JSON" in summary.complaints[0]


def test_npm_that_was_killed(tmp_path: Path) -> None:
    """A run of npm without an end is left, and has failed when nothing is at work any more."""
    text = (DATA / "npm" / "npm11-install-debug-0.log").read_bytes()
    path = tmp_path / "x-debug-0.log"
    path.write_bytes(b"".join(text.splitlines(keepends=True)[:40]))
    events, summary = read(NpmImporter(), path)
    assert (events, summary.unfinished) == ([], ["left-pad", "@types/estree", "is-odd"])
    events, summary = read(NpmImporter(), path, Source("h", UTC, finished=True))
    assert [(name, why) for name, _, why in brief(events)] == [
        (f"pkg:npm/{name}", "exit killed: npm did not finish")
        for name in ("left-pad", "%40types/estree", "is-odd")
    ]


def test_copies_at_two_moments(tmp_path: Path) -> None:
    """A run that one copy holds half and another whole is read whole, whichever comes first."""
    text = (DATA / "npm" / "npm11-install-debug-0.log").read_bytes()
    half, whole = tmp_path / "a-debug-0.log", tmp_path / "b-debug-0.log"
    half.write_bytes(text[: len(text) // 2])
    whole.write_bytes(text)
    importer = NpmImporter()
    for paths in ([half, whole], [whole, half]):
        logs = [log for path in paths for log in find_logs([path], importer)]
        chunks = list(read_chunks(logs, importer, SOURCE, Bookmarks(), ImportSummary()))
        assert len([event for chunk in chunks for event in chunk.events]) == 4


def test_event_ids_stay_over_releases(tmp_path: Path) -> None:
    """S4: an outcome of a dpkg log has the event id that it always had: an upgrade sends nothing anew."""
    path = tmp_path / "dpkg.log"
    path.write_bytes(SAMPLES["dpkg"].read_bytes())
    (event,), _ = read(DpkgImporter(), path)
    assert str(event.event_id) == "d590a23c-19bb-54bb-ab3d-35f6c3a52e4e"


def test_pip_that_was_killed(tmp_path: Path) -> None:
    """A run of pip that ended while it installed has failed, once the next run begins."""
    lines = (DATA / "pip" / "success.log").read_bytes().splitlines(keepends=True)
    killed = [line for line in lines if b"Successfully" not in line and b"Removed build" not in line]
    path = tmp_path / "pip.log"
    path.write_bytes(b"".join(killed))
    events, summary = read(PipLogImporter(), path)
    assert (events, summary.unfinished) == ([], ["packaging", "six"])
    path.write_bytes(b"".join(killed) + (DATA / "pip" / "uninstall.log").read_bytes())
    events, _ = read(PipLogImporter(), path)
    assert brief(events) == [
        ("pkg:pypi/six", "install_failure", "pip did not finish"),
        ("pkg:pypi/packaging", "install_failure", "pip did not finish"),
        ("pkg:pypi/six", "removed_by_user", "uninstall 1.17.0"),
    ]


def test_more_outcomes_than_a_line_has_room_for() -> None:
    """Outcomes of one line have places in their order, and cannot be more than its characters."""
    line = RawLine("f", 10, 14, b"abc")
    assert [line.part(number).end for number in range(4)] == [11, 12, 13, 14]
    with pytest.raises(ValueError, match="more outcomes"):
        line.part(4)


def test_contexts_leave_without_control_characters() -> None:
    """X9: what a terminal would act on does not leave the machine; the rest is kept."""
    assert outgoing_context("\x1b[31mred\x1b[0m \x07bell\x1b]0;title\x07 ü\nline\tx") == "red bell ü\nline\tx"
    assert len(outgoing_context("x" * 5_000)) == 2_048
    assert outgoing_context("mail \x1b[1mann@mail.example\x1b[0m") == "mail [email]"


def test_report_at_its_own_time(tmp_path: Path) -> None:
    """A report is the same event for as long as the file's time stays, whatever its name."""
    path = tmp_path / "report.json"
    path.write_bytes(SAMPLES["pip-report"].read_bytes())
    broker = Broker()
    import_files(PipReportImporter(), SOURCE, [path], tmp_path / "state", broker)
    path.rename(tmp_path / "renamed.json")
    import_files(PipReportImporter(), SOURCE, [tmp_path / "renamed.json"], tmp_path / "state", broker)
    assert len(broker.events) == 2
    os.utime(tmp_path / "renamed.json")
    import_files(PipReportImporter(), SOURCE, [tmp_path / "renamed.json"], tmp_path / "state", broker)
    assert len(broker.events) == 4
