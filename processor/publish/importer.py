"""An import sends each outcome once: what is marked is not sent, what is sent again has its old event id.

The outcomes are cut into chunks of at most 32, since a host has at most 32 unacknowledged events: a
resend then always meets the ring of event ids that the fold keeps for the host.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import TypeAlias
from uuid import UUID, uuid5

from processor.publish.bookmark import Bookmarks, Mark
from processor.publish.dpkg import Carry, Outcome, RunReader
from processor.publish.logfiles import CorruptLogError, LogFile, RawLine, read_lines
from schemas import ComponentOutcome
from schemas.times import from_us

__all__ = [
    "CHUNK_EVENTS",
    "Chunk",
    "DpkgSource",
    "ImportSummary",
    "event_id_of",
    "read_chunks",
    "send_chunks",
]

CHUNK_EVENTS = 32
_EVENT_IDS = UUID("7b6f0a52-3c0e-5b55-9f0c-6a1d8f1f7c11")
_COMPLAINTS_MAX = 20

# The files that a clean point closes: how far each was read, and what a reader needs to go on there.
_Closed: TypeAlias = Mapping[str, tuple[int, Carry]]


@dataclass(frozen=True, slots=True)
class DpkgSource:
    """Whose logs they are and how their lines are to be read.

    `finished`: no dpkg is at work on them, so that a run left open at the end has failed.
    """

    host_id: str
    zone: tzinfo
    distribution: str = "debian"
    finished: bool = False


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

    def complain(self, text: str) -> None:
        """Count an unreadable place and keep its text while there are few."""
        self.unreadable += 1
        if len(self.complaints) < _COMPLAINTS_MAX:
            self.complaints.append(text)


@dataclass(slots=True)
class Chunk:
    """At most 32 events to send together, and the marks to write once they are acknowledged.

    At the end of the logs there may be marks without events.
    """

    events: list[ComponentOutcome] = field(default_factory=list)
    marks: dict[str, Mark] = field(default_factory=dict)


def event_id_of(host_id: str, place: RawLine) -> UUID:
    """Return the event id (UUIDv5) of what a line settled: of host, file, offset and line."""
    name = f"{host_id}\0{place.identity}\0{place.start}\0{place.text.decode('utf-8', 'replace')}"
    return uuid5(_EVENT_IDS, name)


def read_chunks(
    logs: Sequence[LogFile], source: DpkgSource, bookmarks: Bookmarks, summary: ImportSummary
) -> Iterator[Chunk]:
    """Yield what is new in the logs, oldest first, and count what is read and known.

    Args:
        logs: what `find_logs` returned.
        source: how to read them.
        bookmarks: how far they were read before; only read here.
        summary: counts go here; `sent` stays.
    """
    marks = {log.identity: bookmarks.get(log.identity) for log in logs}
    summary.known += sum(mark.events for mark in marks.values())
    chunk = Chunk()
    for outcomes, closed in _stretches(logs, source, bookmarks, summary):
        for outcome in outcomes:
            place = outcome.place
            mark = marks[place.identity]
            if place.end <= mark.sent:
                continue
            if len(chunk.events) == CHUNK_EVENTS:
                yield chunk
                chunk = Chunk()
            mark = replace(mark, sent=place.end, events=mark.events + 1)
            marks[place.identity] = chunk.marks[place.identity] = mark
            chunk.events.append(_event(outcome, source.host_id))
            summary.by_type[outcome.outcome_type] = summary.by_type.get(outcome.outcome_type, 0) + 1
        for identity, (end, carry) in closed.items():
            mark = replace(marks[identity], offset=end, sent=end, carry=carry)
            marks[identity] = chunk.marks[identity] = mark
    if chunk.marks:
        yield chunk


async def send_chunks(
    chunks: Sequence[Chunk],
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


def _stretches(
    logs: Sequence[LogFile], source: DpkgSource, bookmarks: Bookmarks, summary: ImportSummary
) -> Iterator[tuple[list[Outcome[RawLine]], _Closed]]:
    """Yield the outcomes between two clean points, and what the second one closes."""
    reader: RunReader[RawLine] = RunReader(source.zone, source.distribution)
    ends: dict[str, int] = {}
    read_to: dict[str, int] = {}
    for log in logs:
        summary.files += 1
        mark = bookmarks.get(log.identity)
        if mark.offset and log.identity not in read_to:
            # It was read from its start before, so what an older file left open was not finished in it.
            summary.unfinished += reader.open_packages
            reader, ends = RunReader(source.zone, source.distribution, mark.carry), {}
        for line in _lines(log, read_to.get(log.identity, mark.offset), summary):
            try:
                reader.feed(line.text, line)
            except ValueError as error:
                summary.complain(f"{log.path}, byte {line.start}: {error}")
            read_to[log.identity] = ends[log.identity] = line.end
            if outcomes := reader.take():
                yield outcomes, _closed(ends, reader)
                ends = {}
        if ends and reader.is_clean:
            yield [], _closed(ends, reader)
            ends = {}
    if source.finished and not reader.is_clean:
        reader.finish()
        yield reader.take(), _closed(ends, reader)
    summary.unfinished += reader.open_packages


def _closed(ends: Mapping[str, int], reader: RunReader[RawLine]) -> _Closed:
    return {identity: (end, reader.carry) for identity, end in ends.items()}


def _lines(log: LogFile, start: int, summary: ImportSummary) -> Iterator[RawLine]:
    """Yield a log's lines and count them; damage in a compressed file is counted as one unreadable line."""
    try:
        for line in read_lines(log, start):
            summary.lines += 1
            yield line
    except CorruptLogError as error:
        summary.complain(str(error))


def _event(outcome: Outcome[RawLine], host_id: str) -> ComponentOutcome:
    return ComponentOutcome(
        component_id=outcome.component_id,
        outcome_type=outcome.outcome_type,
        timestamp=from_us(outcome.time_us),
        context=outcome.context,
        event_id=event_id_of(host_id, outcome.place),
        host_id=host_id,
    )
