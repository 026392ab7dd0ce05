"""Following is importing again whenever a file has changed: bookmarks and event ids do the rest.

A rotated file is found by its text, not by its name: when `dpkg.log` was renamed to `dpkg.log.1`, or copied
there and truncated, what was written to it before is read to its end there, and then its successor.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from processor.publish.bookmark import Bookmarks
from processor.publish.importers.base import Importer, LogFile
from processor.publish.importers.registry import Installed, find_logs_for
from processor.publish.logfiles import LogFileError, find_logs, series_of

__all__ = ["Follower"]

_Stamp = tuple[int, int, int]


class Follower:
    """Tells what is to be read when something has changed.

    Args:
        paths: files and folders, as for one import.
        importer: whose files they are.
        known: every importer, for the message about a file of another format.
    """

    def __init__(self, paths: Sequence[Path], importer: Importer, known: Mapping[str, Installed]) -> None:
        self._paths = paths
        self._importer = importer
        self._known = known
        self._stamps: dict[Path, _Stamp] = {}
        self._seen: set[str] = set()

    def forget(self) -> None:
        """Take everything as changed: the pass before was not brought to its end."""
        self._stamps = {}

    def changed(self, bookmarks: Bookmarks) -> list[LogFile]:
        """Return the logs to read, oldest first; none while no file has changed.

        A path that is missing is waited for: it may be rotated away just now.

        Raises:
            LogFileError: a path cannot be read, or is of another format.
        """
        there = [path for path in self._paths if path.exists() and self._files([path])]
        siblings = [sibling for path in there if not path.is_dir() for sibling in _siblings(path)]
        stamps = _stamps([*self._files(there), *siblings])
        if stamps == self._stamps:
            return []
        logs = find_logs_for(self._importer, there, self._known)
        rotated = self._logs_at(path for path in siblings if path not in self._paths)
        known = [log.identity in self._seen or bookmarks.knows(log.identity) for log in rotated]
        # From the oldest that was read before: what came after it was written while we looked away.
        rotated = rotated[known.index(True) :] if True in known else []
        self._stamps = stamps
        self._seen |= {log.identity for log in [*rotated, *logs]}
        return [*rotated, *logs]

    def _logs_at(self, paths: Iterable[Path]) -> list[LogFile]:
        """Return the logs among files that nobody named: what cannot be read, or is none, is left out."""
        readable = []
        for path in paths:
            with suppress(LogFileError):
                readable += [log.path for log in find_logs([path], self._importer)]
        return find_logs(readable, self._importer)

    def _files(self, paths: Iterable[Path]) -> list[Path]:
        return [
            file
            for path in paths
            for file in (sorted(path.glob(self._importer.pattern)) if path.is_dir() else [path])
        ]


def _siblings(path: Path) -> list[Path]:
    """Return what is a rotation of a file and not yet compressed: it was read before it was compressed."""
    try:
        names = list(path.parent.iterdir())
    except OSError as error:
        raise LogFileError(f"cannot read {path.parent}: {error.strerror or error}") from error
    return sorted(name for name in names if name != path and series_of(name) == path and name.suffix != ".gz")


def _stamps(files: Iterable[Path]) -> dict[Path, _Stamp]:
    stamps: dict[Path, _Stamp] = {}
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            continue  # rotated away just now
        stamps[file] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return stamps
