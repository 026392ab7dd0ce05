"""The rows as files, for notebooks, spreadsheets and the tracker.

Parquet, Arrow (IPC, also known as Feather 2) and CSV hold one table: components, pairs or time lines. A
tracker's file holds the components, so that `OutcomeTracker.load` goes on from there on one machine.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

import orjson

from processor.errors import FleetfoldError
from processor.files import write_atomically
from processor.serve.queries import PairRow, StatsRow
from processor.serve.timeline import HistoryRow

__all__ = ["ExportError", "Format", "Table", "export", "format_of"]

Format = Literal["parquet", "arrow", "csv", "tracker"]
Table = Literal["components", "pairs", "history"]

_ENDINGS: dict[str, Format] = {
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".csv": "csv",
    ".json": "tracker",
}
_TEXTS = ("component_id", "component_a", "component_b", "step")
_TIMES = ("start", "first_seen", "last_success", "last_failure", "deprecated_at")
_COLUMNS: dict[Table, tuple[str, ...]] = {
    "components": tuple(StatsRow.__annotations__),
    "pairs": tuple(PairRow.__annotations__),
    "history": tuple(HistoryRow.__annotations__),
}
_ROWS_PER_GROUP = 50_000
_MAX_RECENT_EVENTS = 1_000


class ExportError(FleetfoldError):
    """The file cannot be made as things are."""


def format_of(path: Path) -> Format:
    """Return the format that a file's ending names.

    Raises:
        ExportError: it names none.
    """
    try:
        return _ENDINGS[path.suffix.lower()]
    except KeyError:
        raise ExportError(
            f"{path}: the ending names no format: give --format {', '.join(get_args(Format))}, "
            f"or an ending of {', '.join(_ENDINGS)}"
        ) from None


def export(path: Path, form: Format, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows to a file: as a whole, or not at all.

    Args:
        path: the file.
        form: how.
        table: what the rows are.
        rows: as on the topics; a tracker takes components only.

    Raises:
        ExportError: the format needs a package that is not there, or does not hold such a table.
        OSError: the file cannot be written.
    """
    if form == "tracker" and table != "components":
        raise ExportError(f"a tracker's file holds components: {table} go to parquet, arrow or csv")
    writers: dict[Format, Callable[[Table, Sequence[Mapping[str, Any]]], Iterable[bytes]]] = {
        "csv": _csv,
        "tracker": _tracker,
        "arrow": _arrow,
        "parquet": _parquet,
    }
    write_atomically(path, writers[form](table, rows))


def _csv(table: Table, rows: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    yield _csv_lines([_COLUMNS[table]])
    for some in _groups(rows):
        yield _csv_lines([row[name] for name in _COLUMNS[table]] for row in some)


def _csv_lines(lines: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()


def _tracker(_table: Table, rows: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    """Yield a tracker's file; what a row says of itself is worked out anew there."""
    yield b'{"outcomes":{'
    for number, row in enumerate(rows):
        kept = {name: row[name] for name in row if name not in {"success_rate", "is_problematic"}}
        yield b"%b%b:%b" % (b"," if number else b"", orjson.dumps(row["component_id"]), orjson.dumps(kept))
    yield b'},"recent_events":[],"max_recent_events":%d}\n' % _MAX_RECENT_EVENTS


def _arrow(table: Table, rows: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    pa, schema = _schema(table)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        for batch in _batches(pa, schema, rows):
            writer.write_batch(batch)
    yield sink.getvalue().to_pybytes()


def _parquet(table: Table, rows: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    pa, schema = _schema(table)
    from pyarrow import parquet  # noqa: PLC0415 -- an extra

    sink = pa.BufferOutputStream()
    with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for batch in _batches(pa, schema, rows):
            writer.write_batch(batch)
    yield sink.getvalue().to_pybytes()


def _schema(table: Table) -> tuple[Any, Any]:
    """Return pyarrow, and the columns with their types."""
    try:
        import pyarrow as pa  # noqa: PLC0415 -- an extra
    except ModuleNotFoundError as error:
        raise ExportError("pyarrow is not installed: `pip install 'fleetfold[export]'` brings it") from error

    types = {
        **dict.fromkeys(_TEXTS, pa.string()),
        **dict.fromkeys(_TIMES, pa.timestamp("us", tz="UTC")),
        "success_rate": pa.float64(),
        "is_problematic": pa.bool_(),
    }
    return pa, pa.schema([(name, types.get(name, pa.int64())) for name in _COLUMNS[table]])


def _batches(pa: Any, schema: Any, rows: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    for some in _groups(rows):
        columns = [
            [_time(row[name]) for row in some] if name in _TIMES else [row[name] for row in some]
            for name in schema.names
        ]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
        yield pa.record_batch(arrays, schema=schema)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _groups(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    iterator = iter(rows)
    while some := list(islice(iterator, _ROWS_PER_GROUP)):
        yield some
