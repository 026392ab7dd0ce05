"""Importing without a Kafka: what was sent is kept in a list."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from processor.publish.bookmark import open_bookmarks
from processor.publish.importer import ImportSummary, read_chunks, send_chunks
from processor.publish.importers.base import Importer, Source
from processor.publish.logfiles import find_logs
from schemas import ComponentOutcome

__all__ = ["Broker", "CrashError", "brief", "import_files"]


class CrashError(Exception):
    """The process ended here."""


class Broker:
    """Takes what is sent; ends the process after a number of chunks, before their mark is written."""

    def __init__(self, crash_after: int | None = None) -> None:
        self.chunks: list[list[ComponentOutcome]] = []
        self._left = crash_after

    async def send(self, events: Sequence[ComponentOutcome]) -> None:
        self.chunks.append(list(events))
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                raise CrashError

    @property
    def events(self) -> list[ComponentOutcome]:
        return [event for chunk in self.chunks for event in chunk]


def import_files(
    importer: Importer, source: Source, paths: Sequence[Path], state: Path, broker: Broker
) -> ImportSummary:
    """Import files as the command does, with a bookmark in a state folder."""
    summary = ImportSummary()
    with open_bookmarks(state, "cluster", "topic", source.host_id, importer.name) as bookmarks:
        chunks = list(read_chunks(find_logs(paths, importer), importer, source, bookmarks, summary))
        asyncio.run(send_chunks(chunks, broker.send, bookmarks, summary))
    return summary


def brief(events: Sequence[ComponentOutcome]) -> list[tuple[str, str, str]]:
    """Return component, type and the first 40 characters of the context of each event."""
    return [(event.component_id, event.outcome_type.value, event.context[:40]) for event in events]
