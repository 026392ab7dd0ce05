"""A log keeps its identity when it is rotated or compressed: it is known by its text, not by its name.

Offsets count decompressed bytes, so `dpkg.log`, `dpkg.log.1` and `dpkg.log.2.gz` of the same text are one
file at three moments of its life. A last line without its newline is still being written and is left.
"""

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from fnmatch import fnmatchcase
from io import BufferedIOBase
from itertools import islice
from pathlib import Path

from processor.errors import FleetfoldError
from processor.publish.importers.base import Head, Importer, LogFile, RawLine

__all__ = [
    "CorruptLogError",
    "LogFileError",
    "WrongFormatError",
    "find_logs",
    "read_lines",
    "read_text",
    "series_of",
]

_GZIP_MAGIC = b"\x1f\x8b"
# logrotate counts up (`dpkg.log.2.gz`) or writes the day (`dpkg.log-20260101.gz`).
_ROTATED = re.compile(r"(.+?)(?:\.(\d+)|-\d{8,})(?:\.gz)?")
_LINE_MAX_BYTES = 64 * 1024
_DOCUMENT_MAX_BYTES = 256 * 2**20
_HEAD_LINES = 100
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\d)[T ]+(\d\d[:_]\d\d[:_]\d\d)")


class LogFileError(FleetfoldError):
    """A path cannot be read, or holds no log."""


class CorruptLogError(FleetfoldError):
    """A compressed file ends too early or is damaged; what came before has been read."""

    exit_code = 1


class WrongFormatError(LogFileError):
    """A file is of another format than its importer's."""


def find_logs(paths: Iterable[Path], importer: Importer, others: Sequence[Importer] = ()) -> list[LogFile]:
    """Return the logs at the paths, oldest first.

    Args:
        paths: files, plain or gzipped, and folders, of which every file of the importer's pattern is taken.
        importer: whose files they are.
        others: those that may recognise a file which it does not.

    Raises:
        LogFileError: a path is missing or unreadable, or a folder holds no such file.
        WrongFormatError: a file looks like something else, or no line of a long beginning is of the format.
            One with a few unreadable lines may be at the beginning of its life.
    """
    files = [file for path in paths for file in _files_at(path, importer)]
    found = [log for file in dict.fromkeys(files) if (log := _identify(file, importer, others)) is not None]
    begins: dict[Path, str] = {}
    for log in found:
        series = _series(log.path)[0]
        begins[series] = min(begins.get(series, log.first_stamp), log.first_stamp)
    return sorted(found, key=lambda log: (begins[_series(log.path)[0]], *_series(log.path), log.first_stamp))


def series_of(path: Path) -> Path:
    """Return what a file is a rotation of: `dpkg.log` for `dpkg.log.2.gz`, and itself for any other."""
    return _series(path)[0]


def _series(path: Path) -> tuple[Path, int, int]:
    """Return what a log is a rotation of, and its place in that series: the oldest has the highest number.

    A local time alone cannot order two logs: it steps back in autumn, and a second is long.
    """
    found = _ROTATED.fullmatch(path.name)
    if found is None:
        return path, 1, 0
    return path.with_name(found[1]), 0, -int(found[2] or 0)


def read_lines(log: LogFile, offset: int = 0) -> Iterator[RawLine]:
    """Yield the complete lines of a log from an offset in decompressed bytes.

    Raises:
        LogFileError: it cannot be read.
        CorruptLogError: a gzipped file is damaged; raised after the lines before the damage.
    """
    with closing(_open(log.path)) as stream:
        try:
            stream.seek(offset)
            while True:
                line = stream.readline(_LINE_MAX_BYTES)
                start, offset = offset, offset + len(line)
                if not line.endswith(b"\n") and len(line) < _LINE_MAX_BYTES:
                    return
                yield RawLine(log.identity, start, offset, line.rstrip(b"\n"))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise CorruptLogError(
                f"{log.path} is damaged after byte {offset} of its text: {error}"
            ) from error
        except OSError as error:
            raise LogFileError(f"cannot read {log.path}: {error.strerror or error}") from error


def _files_at(path: Path, importer: Importer) -> list[Path]:
    try:
        if not path.is_dir():
            return [] if fnmatchcase(path.name, importer.beside) else [path]
        files = sorted(
            file for file in path.iterdir() if fnmatchcase(file.name, importer.pattern) and file.is_file()
        )
    except OSError as error:
        raise LogFileError(f"cannot read {path}: {error.strerror or error}") from error
    if not files:
        raise LogFileError(f"{path} is a folder without a {importer.pattern.removesuffix('*')}")
    return files


def _open(path: Path) -> BufferedIOBase:
    """Open a file for reading its text, compressed or not; its first bytes tell, not its name."""
    try:
        stream = path.open("rb")
        if stream.peek(2)[:2] != _GZIP_MAGIC:
            return stream
        stream.close()
        return gzip.open(path, "rb")
    except OSError as error:
        raise LogFileError(f"cannot read {path}: {error.strerror or error}") from error


def read_text(path: Path) -> bytes:
    """Return the whole text of a file, compressed or not.

    Raises:
        LogFileError: it cannot be read, or is larger than a document may be.
        CorruptLogError: a gzipped file is damaged.
    """
    with closing(_open(path)) as stream:
        try:
            text = stream.read(_DOCUMENT_MAX_BYTES + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise CorruptLogError(f"{path} is damaged: {error}") from error
        except OSError as error:
            raise LogFileError(f"cannot read {path}: {error.strerror or error}") from error
    if len(text) > _DOCUMENT_MAX_BYTES:
        raise LogFileError(f"{path} is larger than {_DOCUMENT_MAX_BYTES // 2**20} MiB")
    return text


def _identify(path: Path, importer: Importer, others: Sequence[Importer]) -> LogFile | None:
    """Return the log at a path, or None while what it is known by is not complete.

    A file that is damaged from its start has no identity ("" stands for it); reading it says so.
    """
    head, damaged = _head_of(path)
    if head.text.strip() and not importer.recognises(head):
        _refuse(head, importer, others)
    known_by = importer.identify(head) if head.text.strip() else None
    if known_by is None:
        return LogFile(path, "", "") if damaged else None
    identity = hashlib.blake2b(known_by, digest_size=16).hexdigest()
    return LogFile(path, identity, _stamp_of(head))


def _head_of(path: Path) -> tuple[Head, bool]:
    """Return the beginning of a file, and whether it is damaged there."""
    lines: list[RawLine] = []
    try:
        for line in islice(read_lines(LogFile(path, "", "")), _HEAD_LINES):
            lines.append(line)  # noqa: PERF402  # extend() would keep nothing of a stream that raises
        with closing(_open(path)) as stream:
            stream.seek(lines[-1].end if lines else 0)
            rest = b"" if len(lines) == _HEAD_LINES else stream.read(_LINE_MAX_BYTES)
    except (CorruptLogError, EOFError, zlib.error, gzip.BadGzipFile):
        return Head(path, [line.text for line in lines]), True
    except OSError as error:
        raise LogFileError(f"cannot read {path}: {error.strerror or error}") from error
    return Head(path, [line.text for line in lines], rest), False


def _refuse(head: Head, importer: Importer, others: Sequence[Importer]) -> None:
    like = next((other.name for other in others if other.recognises(head)), None)
    if like is not None or len(head.lines) == _HEAD_LINES:
        hint = "" if like is None else f"; it looks like something for `fleetfold import {like}`"
        raise WrongFormatError(f"{head.path} is not what `fleetfold import {importer.name}` reads{hint}")


def _stamp_of(head: Head) -> str:
    """Return the first time in a head, as sortable text; "" where there is none."""
    found = next((found for line in head.lines if (found := _STAMP.search(line))), None)
    return "" if found is None else b" ".join(found.groups()).decode("ascii")
