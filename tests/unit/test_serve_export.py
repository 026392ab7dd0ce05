"""Exports: every row, exactly, in every format; and the tracker goes on from its file."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow.feather
import pyarrow.parquet
import pytest

from processor import OutcomeTracker
from processor.serve.export import ExportError, export, format_of
from tests.served import EVIL, pair, stats

ROWS: list[dict[str, Any]] = [
    orjson.loads(row)
    for _, row in (
        stats(EVIL, 1, 3, removal_count=2, deprecated_at="2026-01-03T00:00:00.000001Z"),
        stats("@scope/pkg", 5, 0),
        stats("untried", 0, 0, first_seen=None),
    )
]
PAIRS = [orjson.loads(row) for _, row in (pair(EVIL, "b", 4), pair("a", "b", 2))]


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_columns_hold_every_row_with_its_types(tmp_path: Path, form: Any) -> None:
    """A notebook reads numbers, booleans and times with their zone, and ids of any kind."""
    read = pyarrow.parquet.read_table if form == "parquet" else pyarrow.feather.read_table
    export(tmp_path / "c", form, "components", ROWS)
    rows = read(tmp_path / "c").to_pylist()
    assert [row["component_id"] for row in rows] == [row["component_id"] for row in ROWS]
    assert rows[0]["deprecated_at"] == datetime(2026, 1, 3, 0, 0, 0, 1, tzinfo=UTC)
    assert (rows[0]["success_rate"], rows[0]["is_problematic"], rows[2]["first_seen"]) == (0.25, True, None)
    export(tmp_path / "p", form, "pairs", PAIRS)
    assert read(tmp_path / "p").to_pylist() == PAIRS
    export(tmp_path / "none", form, "components", [])
    assert read(tmp_path / "none").num_rows == 0


def test_csv_holds_ids_of_any_kind(tmp_path: Path) -> None:
    """X9: newlines, quotes and marks come back exactly."""
    export(tmp_path / "c.csv", "csv", "components", ROWS)
    with (tmp_path / "c.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["component_id"] for row in rows] == [row["component_id"] for row in ROWS]
    assert (rows[0]["install_failures"], rows[1]["last_failure"]) == ("3", "")


def test_the_tracker_goes_on_from_its_file(tmp_path: Path) -> None:
    """T9, T10, T13, T15, T16: what the fleet knows is what the tracker then says."""
    export(tmp_path / "tracker.json", "tracker", "components", ROWS)
    tracker = OutcomeTracker.load(tmp_path / "tracker.json")
    assert tracker.get_problematic_components() == tracker.get_frequently_removed() == [EVIL]
    assert tracker.get_deprecated() == [EVIL]
    assert (tracker.get_success_rate(EVIL), tracker.score_multiplier("untried")) == (0.25, 1.0)
    assert [each.model_dump(mode="json") for each in tracker.outcomes.values()] == [
        row | {"notes": None} for row in ROWS
    ]
    export(tmp_path / "empty.json", "tracker", "components", [])
    assert OutcomeTracker.load(tmp_path / "empty.json").outcomes == {}


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.parquet", "parquet"),
        ("a.ARROW", "arrow"),
        ("a.feather", "arrow"),
        ("a.csv", "csv"),
        ("a.json", "tracker"),
    ],
)
def test_the_ending_names_the_format(name: str, form: str) -> None:
    """A file's ending says how it is written."""
    assert format_of(Path(name)) == form


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    """X10: an unknown ending, and a tracker of pairs; nothing is written."""
    with pytest.raises(ExportError, match=r"a\.xlsx: the ending names no format: give --format parquet"):
        format_of(Path("a.xlsx"))
    with pytest.raises(ExportError, match="holds components"):
        export(tmp_path / "t.json", "tracker", "pairs", PAIRS)
    assert list(tmp_path.iterdir()) == []
