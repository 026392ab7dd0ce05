"""Two files that begin with the same line may still be two files.

A log is known by its first line, which has a time in it and so is like no other. Where a format's first line
may come twice (NDJSON without times), a file is the one that a bookmark means only if the line before the
bookmark is the one that was read; otherwise, as after a truncation, it is another text, and is known by its
first line and a number. Of two such files in one import, one is the other at an earlier moment if its text
is the beginning of the other's.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import count, zip_longest
from pathlib import Path

from processor.publish.bookmark import Bookmarks, Mark
from processor.publish.importers.base import Importer, LogFile
from processor.publish.logfiles import CorruptLogError, read_lines

__all__ = ["tell_apart"]


def tell_apart(logs: Sequence[LogFile], importer: Importer, bookmarks: Bookmarks) -> list[LogFile]:
    """Return the logs with identities that differ where their texts do."""
    if importer.first_line_is_its_own:
        return list(logs)
    told: list[LogFile] = []
    for log in logs:
        for number in count():
            identity = f"{log.identity}-{number}" if number else log.identity
            others = [other.path for other in told if other.identity == identity]
            if not all(_begin_alike(log.path, other) for other in others):
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


def _begin_alike(path: Path, other: Path) -> bool:
    """Return whether one text is the beginning of the other."""
    one, two = (read_lines(LogFile(each, "", "")) for each in (path, other))
    try:
        pairs = zip_longest(one, two)
        return all(a is None or b is None or a.text == b.text for a, b in pairs)
    except CorruptLogError:
        return False
