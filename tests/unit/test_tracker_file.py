"""The tracker's file: whole or not at all, and nothing lost."""

import json
import logging
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from processor import OutcomeTracker
from processor.files import put_aside
from schemas import OutcomeType

NOBODY = 65_534

OLDER_FILE = {
    "outcomes": {
        "lib" * 200: {
            "component_id": "lib" * 200,
            "install_successes": 3,
            "install_failures": 4,
            "usage_count": 2,
            "removal_count": 1,
            "first_seen": "2024-05-01T10:00:00Z",
            "last_success": "2024-05-02T10:00:00.123456+00:00",
            "last_failure": "2024-05-03T10:00:00.5",
        },
        "": {
            "component_id": "",
            "install_successes": 0,
            "install_failures": 0,
            "usage_count": 1,
            "removal_count": 0,
            "first_seen": None,
            "last_success": None,
            "last_failure": None,
        },
    },
    "recent_events": [
        {
            "component_id": "lib" * 200,
            "outcome_type": "install_failure",
            "timestamp": "2024-05-03T10:00:00.500000Z",
            "context": "x" * 5_000,
        }
    ],
    "max_recent_events": 7,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outcomes.json"


def some_tracker() -> OutcomeTracker:
    tracker = OutcomeTracker(max_recent_events=5)
    for component_id, outcome_type in (
        ("z", "install_failure"),
        ("ä😀|\n", "deprecated"),
        ("a", "install_success"),
    ):
        tracker.record_outcome(component_id, OutcomeType(outcome_type), "Grüße")
    return tracker


@contextmanager
def no_file_larger_than(size_bytes: int) -> Iterator[None]:
    """What a full disk does, without filling one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def not_root() -> Iterator[None]:
    """Root may write everywhere; a test of rights must not be root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_saved_and_loaded_is_the_same(path: Path) -> None:
    """T12: a tracker comes back as it was, the order of first sight included."""
    tracker = some_tracker()
    tracker.save(path)
    loaded = OutcomeTracker.load(path)
    assert loaded == tracker
    assert list(loaded.outcomes) == ["z", "ä😀|\n", "a"]


def test_file_is_json_for_people(path: Path) -> None:
    """T12: UTF-8, two spaces of indent, and characters as they are."""
    some_tracker().save(str(path))
    text = path.read_text(encoding="utf-8")
    assert text.startswith('{\n  "outcomes": {\n    "z": {\n      "component_id": "z"')
    assert "Grüße" in text
    assert list(json.loads(text)) == ["outcomes", "recent_events", "max_recent_events"]


def test_save_says_how_many(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """T12: the count of components, at INFO."""
    with caplog.at_level(logging.INFO, logger="processor.tracker"):
        some_tracker().save(path)
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "3 components" in record.getMessage()


def test_save_makes_the_folder_and_leaves_no_other_file(tmp_path: Path) -> None:
    """T12: the folder is made if it is missing; nothing else stays in it."""
    path = tmp_path / "state" / "fleetfold" / "outcomes.json"
    some_tracker().save(path)
    some_tracker().save(path)
    assert names_in(path.parent) == ["outcomes.json"]


def test_failed_save_leaves_the_old_file(path: Path) -> None:
    """T12: an error in the middle of writing leaves the old file, and no half of the new one."""
    OutcomeTracker().save(path)
    old = path.read_bytes()
    tracker = OutcomeTracker()
    tracker.record_outcome("a", OutcomeType.DEPRECATED, "x" * 100_000)
    with no_file_larger_than(50_000), pytest.raises(OSError, match="File too large"):
        tracker.save(path)
    assert path.read_bytes() == old
    assert names_in(path.parent) == [path.name]


def test_save_over_a_folder_is_an_error(tmp_path: Path) -> None:
    """T12: what cannot be replaced is not, and no temporary file stays."""
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        some_tracker().save(tmp_path / "taken")
    assert names_in(tmp_path) == ["taken"]


def test_save_keeps_mode_and_link(tmp_path: Path) -> None:
    """T12: a file that is there keeps its mode, and a link to it stays a link."""
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    OutcomeTracker().save(target)
    target.chmod(0o640)
    link.symlink_to(target)
    some_tracker().save(link)
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert OutcomeTracker.load(target).outcomes


def test_missing_file_is_an_empty_tracker(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """T13: nothing saved yet is no fault, and nothing is made."""
    assert OutcomeTracker.load(path) == OutcomeTracker()
    assert OutcomeTracker.load(path.parent / "no" / "folder.json") == OutcomeTracker()
    assert not caplog.records
    assert names_in(path.parent) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b"{}",
        b'{"other": "program"}',
        b'{"outcomes": {"a": {"component_id": "a", "install_failures": -1}}}',
        b'{"outcomes": {}, "recent_events": [{"component_id": "a", "outcome_type": "exploded"}]}',
        b'{"outcomes": {}, "max_recent_events": "many"}',
        b'{"outcomes": {"\xff": {}}}',
        b'{"outcomes": {"a": {"component_id": "a", "first_seen": NaN}}}',
        b"[" * 100_000,
        some_tracker().model_dump_json().encode()[:-40],
    ],
    ids=lambda content: repr(content[:20]),
)
def test_corrupt_file_is_kept_beside(path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """T13: a WARNING that says what is wrong, an empty tracker, and the bad file under another name."""
    path.write_bytes(content)
    tracker = OutcomeTracker.load(path)
    assert tracker == OutcomeTracker()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"{path} holds no tracker (" in record.getMessage()
    assert "outcomes.json.corrupt-1" in record.getMessage()
    tracker.save(path)
    assert names_in(path.parent) == ["outcomes.json", "outcomes.json.corrupt-1"]
    assert (path.parent / "outcomes.json.corrupt-1").read_bytes() == content


def test_warning_names_the_field(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """T13: the warning says where in the file it is wrong."""
    path.write_text('{"outcomes": {"a": {"component_id": "a", "usage_count": "often"}}}')
    OutcomeTracker.load(path)
    assert "outcomes.a.usage_count: Input should be a valid integer" in caplog.text


def test_earlier_bad_files_are_not_overwritten(path: Path) -> None:
    """T13: each bad file gets a name of its own."""
    for content in ("first", "second", "third"):
        path.write_text(content)
        OutcomeTracker.load(path)
    kept = [path.with_name(f"outcomes.json.corrupt-{number}").read_text() for number in (1, 2, 3)]
    assert kept == ["first", "second", "third"]


def test_bad_file_with_the_longest_name(tmp_path: Path) -> None:
    """T13: a name that leaves no room for an ending is cut, not an error."""
    path = tmp_path / ("ä" * 127)
    path.write_text("bad")
    assert put_aside(path).read_text() == "bad"
    assert not path.exists()


def test_bad_file_in_a_folder_that_is_not_ours(caplog: pytest.LogCaptureFixture) -> None:
    """T13: where the bad file cannot be moved, a save cannot overwrite it either: a warning says so."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "outcomes.json"
        path.write_text("bad")
        path.parent.chmod(0o555)
        with not_root():
            assert OutcomeTracker.load(path) == OutcomeTracker()
            with pytest.raises(PermissionError):
                OutcomeTracker().save(path)
        path.parent.chmod(0o700)
        assert "cannot be moved aside" in caplog.text
        assert path.read_text() == "bad"
        assert names_in(path.parent) == ["outcomes.json"]


def test_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """T13: what is neither missing nor corrupt is not passed over."""
    with pytest.raises(IsADirectoryError):
        OutcomeTracker.load(tmp_path)


def test_older_file_loads_unchanged(path: Path) -> None:
    """T16: the fields of an older tracker, ids and contexts of any length, and times without a zone."""
    path.write_text(json.dumps(OLDER_FILE, indent=2))
    tracker = OutcomeTracker.load(path)
    assert tracker.max_recent_events == 7
    assert list(tracker.outcomes) == ["lib" * 200, ""]
    stats = tracker.outcomes["lib" * 200]
    assert (stats.install_successes, stats.install_failures, stats.usage_count, stats.removal_count) == (
        3,
        4,
        2,
        1,
    )
    assert stats.model_dump(mode="json")["last_success"] == "2024-05-02T10:00:00.123456Z"
    assert stats.model_dump(mode="json")["last_failure"] == "2024-05-03T10:00:00.500000Z"
    assert stats.deprecated_at is None
    assert tracker.recent_events[0].context == "x" * 5_000
    assert tracker.get_problematic_components() == ["lib" * 200]


def test_older_file_saved_again_keeps_every_field(path: Path) -> None:
    """T16: what an older tracker wrote is still there after a save, in the same places."""
    path.write_text(json.dumps(OLDER_FILE))
    OutcomeTracker.load(path).save(path)
    assert OutcomeTracker.load(path) == OutcomeTracker.model_validate(OLDER_FILE)
    saved = json.loads(path.read_text(encoding="utf-8"))
    for name, stats in OLDER_FILE["outcomes"].items():  # type: ignore[attr-defined]  # a literal above
        assert stats.keys() <= saved["outcomes"][name].keys()
    assert OLDER_FILE["recent_events"][0].keys() <= saved["recent_events"][0].keys()  # type: ignore[index]  # the same
