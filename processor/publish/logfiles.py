"""A log keeps its identity when it is rotated or compressed: it is known by its first line, not by its name.

Offsets count decompressed bytes, so `dpkg.log`, `dpkg.log.1` and `dpkg.log.2.gz` of the same text are one
file at three moments of its life. A last line without its newline is still being written and is left.
"""

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from io import BufferedIOBase
from itertools import islice
from pathlib import Path

from processor.errors import FleetfoldError
from processor.publish.dpkg_lines import parse_line

__all__ = ["CorruptLogError", "LogFile", "LogFileError", "RawLine", "find_logs", "read_lines"]

_GZIP_MAGIC = b"\x1f\x8b"
# logrotate counts up (`dpkg.log.2.gz`) or writes the day (`dpkg.log-20260101.gz`).
_ROTATED = re.compile(r"(.+?)(?:\.(\d+)|-\d{8,})(?:\.gz)?")
_LINE_MAX_BYTES = 64 * 1024
_LOOK_FOR_STAMP_LINES = 100
_STAMP_LENGTH = len("2026-01-02 03:04:05")


class LogFileError(FleetfoldError):
    """A path cannot be read, or holds no log."""


class CorruptLogError(FleetfoldError):
    """A compressed file ends too early or is damaged; what came before has been read."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file, its identity (32 hex digits of its first line) and its first time stamp ("" if it has none)."""

    path: Path
    identity: str
    first_stamp: str


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line without its newline, with the file it stands in and its offsets in decompressed bytes."""

    identity: str
    start: int
    end: int
    text: bytes


def find_logs(paths: Iterable[Path]) -> list[LogFile]:
    """Return the logs at the paths, oldest first.

    Args:
        paths: files, plain or gzipped, and folders, of which every `dpkg.log*` is taken.

    Raises:
        LogFileError: a path is missing or unreadable, or a folder holds no `dpkg.log*`.
    """
    files = [file for path in paths for file in _files_at(path)]
    found = [log for file in dict.fromkeys(files) if (log := _identify(file)) is not None]
    begins: dict[Path, str] = {}
    for log in found:
        series = _series(log.path)[0]
        begins[series] = min(begins.get(series, log.first_stamp), log.first_stamp)
    return sorted(found, key=lambda log: (begins[_series(log.path)[0]], *_series(log.path), log.first_stamp))


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


def _files_at(path: Path) -> list[Path]:
    try:
        if not path.is_dir():
            return [path]
        files = sorted(file for file in path.iterdir() if file.name.startswith("dpkg.log") and file.is_file())
    except OSError as error:
        raise LogFileError(f"cannot read {path}: {error.strerror or error}") from error
    if not files:
        raise LogFileError(f"{path} is a folder without a dpkg.log")
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


def _identify(path: Path) -> LogFile | None:
    """Return the log at a path, or None while its first line is not complete.

    A file that is damaged from its start has no identity ("" stands for it); reading it says so.
    """
    identity, stamp = "", ""
    try:
        for line in islice(read_lines(LogFile(path, "", "")), _LOOK_FOR_STAMP_LINES):
            identity = identity or hashlib.blake2b(line.text, digest_size=16).hexdigest()
            if stamp := _stamp_of(line.text):
                break
    except CorruptLogError:
        return LogFile(path, identity, stamp)
    return LogFile(path, identity, stamp) if identity else None


def _stamp_of(text: bytes) -> str:
    try:
        parse_line(text)
    except ValueError:
        return ""
    return text[:_STAMP_LENGTH].decode("ascii")
