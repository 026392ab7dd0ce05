"""An import sends each outcome once: what is marked is not sent, what is sent again has its old event id.

What is read is cut into chunks (`chunks.py`); a chunk's marks are written once it is acknowledged.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from uuid import UUID, uuid5

from processor.publish.bookmark import Bookmarks
from processor.publish.chunks import Chunk, Closed, Filling
from processor.publish.importers.base import Carry, Importer, LogFile, Outcome, RawLine, Reader, Source
from processor.publish.logfiles import CorruptLogError, series_of
from processor.publish.outgoing import outgoing_context
from processor.publish.telling import tell_apart
from schemas import COMPONENT_ID_MAX, HOST_ID_MAX, ComponentOutcome
from schemas.times import from_us

__all__ = [
    "ImportSummary",
    "event_id_of",
    "read_chunks",
    "send_chunks",
]

_EVENT_IDS = UUID("7b6f0a52-3c0e-5b55-9f0c-6a1d8f1f7c11")
_COMPLAINTS_MAX = 20


@dataclass(slots=True)
class ImportSummary:
    """What an import read and did; `complaints` are the first unreadable places, for people."""

    files: int = 0
    lines: int = 0
    unreadable: int = 0
    sent: int = 0
    known: int = 0
    by_type: dict[str, int] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def has_room(self) -> bool:
        """Whether the text of another complaint is kept."""
        return len(self.complaints) < _COMPLAINTS_MAX

    def complain(self, text: str) -> None:
        """Count an unreadable place and keep its text while there are few."""
        self.unreadable += 1
        if self.has_room:
            self.complaints.append(text)


def event_id_of(host_id: str, outcome: Outcome[RawLine]) -> UUID:
    """Return the event id (UUIDv5) of an outcome: of host, file, offset, line and its part of the line."""
    place = outcome.place
    start = "" if outcome.placeless else place.start
    name = f"{host_id}\0{place.identity}\0{start}\0{place.text.decode('utf-8', 'replace')}"
    return uuid5(_EVENT_IDS, f"{name}\0{outcome.part}" if outcome.part else name)


def read_chunks(
    logs: Sequence[LogFile], importer: Importer, source: Source, bookmarks: Bookmarks, summary: ImportSummary
) -> Iterator[Chunk]:
    """Yield what is new in the logs, oldest first, and count what is read and known.

    Args:
        logs: what `find_logs` returned.
        importer: the one that knows their format.
        source: how to read them.
        bookmarks: how far they were read before; only read here.
        summary: counts go here; `sent` stays.
    """
    importer.look_around([log.path for log in logs], source)
    logs = tell_apart(logs, importer, bookmarks)
    filling = Filling({log.identity: bookmarks.get(log.identity) for log in logs})
    summary.known += sum(mark.events for mark in filling.marks.values())
    for outcomes, closed in _Reading(logs, importer, source, bookmarks, summary).stretches():
        for outcome in outcomes:
            if filling.knows(outcome.place):
                continue
            event = _event(outcome, source.host_id, summary)
            if event is None:
                continue
            if not filling.takes(event) and (full := filling.chunk()):
                yield full
            filling.add(event, outcome.place)
            summary.by_type[event.outcome_type] = summary.by_type.get(event.outcome_type, 0) + 1
        filling.close(closed)
    if last := filling.chunk():
        yield last


async def send_chunks(
    chunks: Iterable[Chunk],
    send: Callable[[Sequence[ComponentOutcome]], Awaitable[object]],
    bookmarks: Bookmarks,
    summary: ImportSummary,
    sent: Callable[[int], None] = lambda _count: None,
) -> None:
    """Send chunk after chunk, and mark each once it is acknowledged.

    Args:
        chunks: what `read_chunks` yielded.
        send: publishes events and returns when all are acknowledged.
        bookmarks: where the marks are written.
        summary: `sent` is counted here.
        sent: called with the number of events of each acknowledged chunk.
    """
    for chunk in chunks:
        if chunk.events:
            await send(chunk.events)
        bookmarks.put(chunk.marks)
        summary.sent += len(chunk.events)
        sent(len(chunk.events))


class _Reading:
    """One pass over the logs: a reader goes on from a file to its successor in the same series."""

    def __init__(
        self,
        logs: Sequence[LogFile],
        importer: Importer,
        source: Source,
        bookmarks: Bookmarks,
        summary: ImportSummary,
    ) -> None:
        self._logs = logs
        self._importer = importer
        self._source = source
        self._bookmarks = bookmarks
        self._summary = summary
        self._reader: Reader | None = None
        self._ends: dict[str, RawLine] = {}
        self._read_to: dict[str, tuple[int, Carry]] = {}
        self._closed_to: dict[str, tuple[int, Carry]] = {}

    def stretches(self) -> Iterator[tuple[list[Outcome[RawLine]], Closed]]:
        """Yield the outcomes between two clean points, and what the second one closes."""
        series = None
        for log in self._logs:
            self._summary.files += 1
            mark = self._bookmarks.get(log.identity)
            if series is not None and series != series_of(log.path):
                yield from self._leave()
            series = series_of(log.path)
            if mark.offset and log.identity not in self._read_to:
                # It was read from its start before, so what an older file left open was not finished in it.
                yield from self._leave(finish=False)
                self._reader = self._importer.reader(self._source, mark.carry)
            yield from self._file(log, *self._read_to.get(log.identity, (mark.offset, mark.carry)))
        yield from self._leave()

    def _file(
        self, log: LogFile, offset: int, carry: Carry
    ) -> Iterator[tuple[list[Outcome[RawLine]], Closed]]:
        reader = self._reader = self._reader or self._importer.reader(self._source, carry)
        for line in self._lines(log, offset, carry):
            try:
                reader.feed(line.text, line)
            except ValueError as error:
                self._complain(log, line, error)
            self._ends[log.identity] = line
            self._read_to[log.identity] = (line.end, carry)
            if outcomes := reader.take():
                yield self._close(outcomes)
        if self._ends and reader.is_clean:
            yield self._close([])

    def _complain(self, log: LogFile, line: RawLine, error: ValueError) -> None:
        """Tell of an unreadable line; its number is counted only for those that are shown."""
        number = ""
        if self._summary.has_room:
            before = takewhile(lambda each: each.start < line.start, self._importer.lines(log, 0, {}))
            number = f", line {1 + sum(1 for _ in before)}"
        self._summary.complain(f"{log.path}, byte {line.start}{number}: {error}")

    def _leave(self, *, finish: bool = True) -> Iterator[tuple[list[Outcome[RawLine]], Closed]]:
        """End the reader: judge what is open if no installer is at work, else tell of it."""
        reader, self._reader = self._reader, None
        if reader is None:
            return
        if finish and self._source.finished and not reader.is_clean:
            reader.finish()
            yield self._close(reader.take(), reader)
        self._summary.unfinished += reader.open_names
        # What this reader left open is read again, by whoever meets the same text in another file.
        for identity in self._ends:
            del self._read_to[identity]
            if identity in self._closed_to:
                self._read_to[identity] = self._closed_to[identity]
        self._ends = {}

    def _close(
        self, outcomes: list[Outcome[RawLine]], reader: Reader | None = None
    ) -> tuple[list[Outcome[RawLine]], Closed]:
        reader = reader or self._reader
        carry = {} if reader is None else reader.carry
        closed = {identity: (line, carry) for identity, line in self._ends.items()}
        self._closed_to |= {identity: (line.end, carry) for identity, (line, _) in closed.items()}
        self._read_to |= self._closed_to
        rank = {identity: number for number, identity in enumerate(closed)}
        outcomes.sort(key=lambda outcome: (rank[outcome.place.identity], outcome.place.end))
        self._ends = {}
        return outcomes, closed

    def _lines(self, log: LogFile, offset: int, carry: Carry) -> Iterator[RawLine]:
        """Yield a log's lines and count them; damage is counted as one unreadable line."""
        try:
            for line in self._importer.lines(log, offset, carry):
                self._summary.lines += 1
                yield line
        except CorruptLogError as error:
            self._summary.complain(str(error))


def _event(outcome: Outcome[RawLine], host_id: str, summary: ImportSummary) -> ComponentOutcome | None:
    """Return the event of an outcome, or None, with a complaint, when the topic would not take it."""
    host_id = host_id if outcome.host_id is None else outcome.host_id
    if not 1 <= len(outcome.component_id) <= COMPONENT_ID_MAX or len(host_id) > HOST_ID_MAX:
        summary.complain(
            f"left out {outcome.component_id[:60]!r}: a component id has 1 to {COMPONENT_ID_MAX} characters, "
            f"a host id at most {HOST_ID_MAX}"
        )
        return None
    when = {} if outcome.time_us is None else {"timestamp": from_us(outcome.time_us)}
    return ComponentOutcome(
        component_id=outcome.component_id,
        outcome_type=outcome.outcome_type,
        context=outgoing_context(outcome.context),
        event_id=outcome.event_id or event_id_of(host_id, outcome),
        host_id=host_id,
        **when,
    )
