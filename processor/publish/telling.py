"""Two files that begin with the same line may still be two files.

A log is known by its first line, which has a time in it and so is like no other. Where a format's first line
may come twice (NDJSON without times), a file is the one that a bookmark means only if the line before the
bookmark is the one that was read; otherwise, as after a truncation, it is another text, and is known by its
first line and a number. Of two such files in one import, one is the other at an earlier moment if its text
is the beginning of the other's; but a file that is shorter than the one it was rotated to began anew.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import count, zip_longest
from pathlib import Path

from processor.publish.bookmark import Bookmarks, Mark
from processor.publish.importers.base import Importer, LogFile
from processor.publish.logfiles import CorruptLogError, read_lines, series_of

__all__ = ["tell_apart"]


def tell_apart(logs: Sequence[LogFile], importer: Importer, bookmarks: Bookmarks) -> list[LogFile]:
    """Return the logs with identities that differ where their texts do."""
    if importer.first_line_is_its_own:
        return list(logs)
    told: list[LogFile] = []
    for log in logs:
        for number in count():
            identity = f"{log.identity}-{number}" if number else log.identity
            others = [other for other in told if other.identity == identity]
            if not all(_same_text(other, log) for other in others):
                continue
            mark = bookmarks.get(identity)
            if others or not mark.offset or _stands(log.path, mark):
                told.append(replace(log, identity=identity))
                break
    return told


def _stands(path: Path, mark: Mark) -> bool:
    """Return whether the line before the bookmark is the one that was read."""
    start, digest = mark.last
    try:
        line = next(read_lines(LogFile(path, "", ""), start), None)
    except CorruptLogError:
        return True  # reading it complains
    return line is not None and hashlib.blake2b(line.text, digest_size=16).hexdigest() == digest


def _same_text(older: LogFile, newer: LogFile) -> bool:
    """Return whether two files are one at two moments: one text is the beginning of the other."""
    rotated = series_of(older.path) == series_of(newer.path)
    before, after = (read_lines(LogFile(each.path, "", "")) for each in (older, newer))
    try:
        for one, two in zip_longest(before, after):
            if one is None or two is None:
                return two is not None or not rotated
            if one.text != two.text:
                return False
    except CorruptLogError:
        return False
    return True
