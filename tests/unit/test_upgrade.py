"""Upgrades: what an earlier release stored is read today, and no schema breaks who knows the one before."""

import json
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from processor.domain import ledger, packing, stats
from processor.domain.config import FoldConfig
from processor.domain.control import decode_control
from processor.domain.history import NO_SPREAD
from processor.domain.record import CORRECTION_HEADER
from processor.engine import checkpoints
from processor.publish.bookmark import open_bookmarks
from processor.publish.spool import Spool, SpoolError
from processor.serve import snapshot
from processor.tracker import OutcomeTracker
from schemas.corrections import Correction
from schemas.jsonschema import FOLDER as SCHEMAS
from schemas.topics import OUTCOME_EVENTS
from schemas.wire import validate_event
from tests.compat import breaks
from tests.goldens import AT_US, CONTROL, CURRENT, FOLDER, HEAD, LEDGER, MARK, ROW, SPOOLED, main
from tests.records import FakeRecord

VERSIONS = range(1, CURRENT + 1)
each_version = pytest.mark.parametrize("version", VERSIONS)
# Before 2 deprecations, sessions and hours were not counted: one deprecation, and its time, is what is known.
ROWS = {1: (*ROW[:7], (1, AT_US + 3, AT_US + 3, None, False), 0), 2: ROW}
SPREADS = {1: NO_SPREAD, 2: None}


def golden(version: int, name: str) -> bytes:
    return (FOLDER / str(version) / "values" / name).read_bytes()


def test_the_current_goldens_are_what_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """A changed encoding is a new version: raise CURRENT, keep the folder before, write the new one."""
    assert main(["--check"]) == 0, capsys.readouterr().out


@each_version
def test_state_is_read(version: int) -> None:
    """S13: what recovery restores means what it meant when it was written."""
    assert ledger.decode(golden(version, "host-ledger")) == LEDGER
    assert stats.from_json(golden(version, "component-stats")) == ("a", ROWS[version])
    assert orjson.loads(golden(version, "co-failures"))["count"] == 3
    assert checkpoints.decode(golden(version, "checkpoint"))["offset"] == 42
    assert checkpoints.decode(golden(version, "layout"))["layout"]


@each_version
def test_what_is_on_its_way_is_read(version: int) -> None:
    """S18: deltas that an earlier release left on the topics are folded by this one."""
    expected = [("a", ROWS[version], SPREADS[version])]
    assert packing.unpack_deltas(golden(version, "component-deltas")) == expected
    assert packing.unpack_pairs(golden(version, "pair-deltas")) == [(("a", "b"), -1)]
    event = validate_event(orjson.loads(golden(version, "event")))
    assert (event.component_id, event.host_id) == ("a", "host")


@pytest.mark.parametrize("version", [version for version in VERSIONS if version > 1])
def test_corrections_are_read(version: int) -> None:
    """A correction is obeyed for ever, and one that is on its way is applied."""
    taken_back = packing.unpack_taken_back(golden(version, "component-deltas-taken-back"))
    assert taken_back == list(CONTROL.taken_back)
    headers = [(CORRECTION_HEADER, b"")]
    assert (
        decode_control(FakeRecord(value=golden(version, "control"), headers=headers), FoldConfig()) == CONTROL
    )
    assert Correction.model_validate_json(golden(version, "correction")).host_id is not None
    assert CONTROL.correction_id == UUID(int=7)


@each_version
def test_files_are_read(version: int, tmp_path: Path) -> None:
    """T16: a tracker's file, a view's snapshot, a spool and a bookmark of an earlier release go on."""
    folder = FOLDER / str(version) / "values"
    for name in ("tracker", "snapshot", "spool"):
        shutil.copy(folder / name, tmp_path / name)
    assert stats.from_model(OutcomeTracker.load(tmp_path / "tracker").outcomes["a"]) == ROWS[version]
    head, rows = snapshot.read(tmp_path / "snapshot")
    assert (head, len(list(rows))) == (HEAD, 2)
    spool = Spool(tmp_path / "spool", 1_000_000)
    assert [each.event for each in spool.oldest(9)] == [SPOOLED]
    spool.append([SPOOLED])
    assert spool.count() == 2
    spool.close()
    with open_bookmarks(tmp_path, "cluster", "topic", "host") as bookmarks:
        bookmarks.put({})
    (path,) = tmp_path.glob("dpkg-*.json")
    shutil.copy(folder / "bookmark", path)
    with open_bookmarks(tmp_path, "cluster", "topic", "host") as bookmarks:
        assert bookmarks.get("file") == MARK


def test_a_spool_of_a_later_release_is_left_alone(tmp_path: Path) -> None:
    """What a later release keeps may be more than this one understands: nothing of it is touched."""
    import sqlite3  # noqa: PLC0415  # only here

    connection = sqlite3.connect(tmp_path / "spool")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    before = (tmp_path / "spool").read_bytes()
    with pytest.raises(SpoolError, match="is of version 99"):
        Spool(tmp_path / "spool", 1_000_000).append([SPOOLED])
    assert (tmp_path / "spool").read_bytes()[:100] == before[:100]


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (ledger.decode, b'{"v":99,"heard":"2026-01-02T03:04:05.000006Z","ring":"","sessions":[]}'),
        (packing.unpack_deltas, b'{"v":99,"deltas":[]}'),
        (packing.unpack_pairs, b'{"v":99,"pairs":[]}'),
        (checkpoints.decode, b'{"v":99,"offset":1}'),
    ],
    ids=["ledger", "deltas", "pairs", "checkpoint"],
)
def test_a_later_version_is_refused(read: Any, value: bytes) -> None:
    """An encoding that is not known stops the worker: it is never read as if it were another."""
    with pytest.raises(Exception, match="version"):
        read(value)


COUNT: dict[str, Any] = {"count": {"type": "integer"}, "kind": {"enum": ["a", "b"]}}
SCHEMA_FILES = [
    (version, path.name)
    for version in VERSIONS
    for path in (FOLDER / str(version) / "schemas").glob("*.json")
]


@pytest.mark.parametrize(("version", "name"), SCHEMA_FILES, ids=str)
def test_no_schema_breaks_who_knows_the_one_before(version: int, name: str) -> None:
    """X3: publishers and readers of any earlier release go on: fields are added, and none is taken away."""
    old = json.loads((FOLDER / str(version) / "schemas" / name).read_bytes())
    new = json.loads((SCHEMAS / name).read_bytes())
    assert breaks(old, new, incoming=name == f"{OUTCOME_EVENTS}.json") == []


@pytest.mark.parametrize(
    ("change", "incoming", "says"),
    [
        ({"properties": {}}, False, "count: is gone"),
        ({"required": []}, False, "may be missing"),
        ({"properties": {"count": {"type": "string"}, "kind": {"enum": ["a", "b"]}}}, False, "may be"),
        (
            {"properties": {"count": {"type": "integer"}, "kind": {"enum": ["a", "b", "c"]}}},
            False,
            "do not know",
        ),
        ({"required": ["count", "kind"]}, True, "must be sent"),
        (
            {"properties": {"count": {"type": "integer", "maximum": 5}, "kind": {"enum": ["a", "b"]}}},
            True,
            "fell",
        ),
        ({"properties": {"count": {"type": "integer"}, "kind": {"enum": ["a"]}}}, True, "are gone"),
        ({"properties": {"count": {"type": "string"}, "kind": {"enum": ["a", "b"]}}}, True, "became"),
    ],
)
def test_the_comparison_sees_what_breaks(change: dict[str, Any], incoming: bool, says: str) -> None:
    """The check can fail: each thing that the page forbids is found."""
    old: dict[str, Any] = {"properties": COUNT, "required": ["count"]}
    assert breaks(old, old, incoming=incoming) == []
    (first, *_) = breaks(old, old | change, incoming=incoming)
    assert says in first


@pytest.mark.parametrize("incoming", [False, True])
def test_adding_is_allowed(incoming: bool) -> None:
    """An optional field more breaks nobody; nor does a wider limit of what may come in."""
    old = {"properties": {"a": {"type": "string", "maxLength": 5}}}
    new = {"properties": {"a": {"type": "string", "maxLength": 9}, "b": {"type": "integer"}}}
    assert breaks(old, new, incoming=incoming) == []
