"""What `pip install --report FILE` wrote: what pip resolved, as one JSON document.

pip writes the report before it installs, with `--dry-run` too, and puts no time into it. So it stands for
an install that worked only where pip ended with 0, which the one who imports it has to see to
(`pip install --report r.json ... && fleetfold import pip-report r.json`). Its time is the file's. The same
text at another time is another install.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from processor.publish.importers.base import (
    Carry,
    Head,
    Importer,
    LineReader,
    LogFile,
    Outcome,
    RawLine,
    Source,
)
from processor.publish.importers.documents import load_object
from processor.publish.importers.purl import pypi_url
from processor.publish.logfiles import CorruptLogError, read_text
from schemas import OutcomeType

__all__ = ["PipReportImporter"]


class PipReportImporter(Importer):
    """Reads reports of pip, one install each."""

    name = "pip-report"
    about = "pip install --report FILE, of an install that worked"
    pattern = "*.json*"

    def recognises(self, head: Head) -> bool:
        """Return whether it begins as a report does."""
        return head.text.lstrip().startswith(b"{") and b'"pip_version"' in head.text

    def identify(self, head: Head) -> bytes | None:
        """Return the text and the file's time: a report has no time of its own."""
        return b"%d\n%b" % (_time_us(head.path), read_text(head.path))

    def lines(self, log: LogFile, offset: int, carry: Carry) -> Iterator[RawLine]:
        """Yield what was installed, one project each."""
        del carry
        items = load_object(log.path).get("install")
        if not isinstance(items, list):
            raise CorruptLogError(f"{log.path}: `install` is no list")
        time_us = _time_us(log.path)
        for number, item in enumerate(items[offset:], offset):
            yield RawLine(log.identity, number, number + 1, orjson.dumps({"time_us": time_us, "item": item}))

    def reader(self, source: Source, carry: Carry) -> LineReader:
        """Return a reader of installed projects."""
        del source, carry
        return _ReportReader()


class _ReportReader(LineReader):
    def feed(self, line: bytes, place: RawLine) -> None:
        entry = orjson.loads(line)
        metadata: Any = entry["item"].get("metadata") if isinstance(entry["item"], dict) else None
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if not isinstance(name, str) or not name:
            raise ValueError("an install without the project's name")
        url = pypi_url(name)
        context = f"install {metadata.get('version', '')}".rstrip()
        self.settle(
            Outcome(url, OutcomeType.INSTALL_SUCCESS, int(entry["time_us"]), context, place, part=url)
        )


def _time_us(path: Path) -> int:
    return path.stat().st_mtime_ns // 1_000
