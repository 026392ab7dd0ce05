"""A file that `OutcomeTracker.save` wrote: its recent events, of which it keeps the newest thousand.

Saved again and again, the file is a window that moves over one history. A history is known by its first
component and when that was first seen; the bookmark keeps the last event that was sent, and what comes
after it in the window is new. Counts that reach beyond the recent events have no times left, and cannot
be imported.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
from pydantic import ValidationError

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
from processor.publish.logfiles import CorruptLogError
from schemas import ComponentOutcome
from schemas.times import to_us

__all__ = ["TrackerImporter"]


class TrackerImporter(Importer):
    """Reads trackers' files, of older trackers too."""

    name = "tracker"
    about = "a file saved by OutcomeTracker: its recent events (not the totals beyond them)"
    pattern = "*.json*"

    def recognises(self, head: Head) -> bool:
        """Return whether it begins as a tracker's file does."""
        text = head.text.lstrip()
        return text.startswith(b"{") and b'"outcomes"' in text and b'"pip_version"' not in text

    def identify(self, head: Head) -> bytes | None:
        """Return the first component and when it was first seen: they stay, whatever is recorded later."""
        try:
            document = load_object(head.path)
        except CorruptLogError:
            return b"tracker " + str(head.path).encode("utf-8", "surrogatepass")  # reading it says so
        outcomes = document.get("outcomes")
        if isinstance(outcomes, dict) and outcomes:
            name, stats = next(iter(outcomes.items()))
            first_seen = stats.get("first_seen") if isinstance(stats, dict) else None
            return orjson.dumps(["tracker", name, first_seen])
        events = document.get("recent_events")
        return orjson.dumps(["tracker", events[0]]) if isinstance(events, list) and events else None

    def lines(self, log: LogFile, offset: int, carry: Carry) -> Iterator[RawLine]:
        """Yield the events after the last that was sent; offsets count the history's events."""
        events = load_object(log.path).get("recent_events")
        if not isinstance(events, list):
            raise CorruptLogError(f"{log.path}: `recent_events` is no list")
        texts = _numbered(events)
        for number, text in enumerate(texts[_after(texts, events, carry) :], offset):
            yield RawLine(log.identity, number, number + 1, text)

    def reader(self, source: Source, carry: Carry) -> LineReader:
        """Return a reader of events."""
        del source
        return _TrackerReader(carry)


class _TrackerReader(LineReader):
    def __init__(self, carry: Carry) -> None:
        super().__init__()
        self._last = str(carry.get("last", ""))
        self._last_us = int(carry.get("last_us", 0))

    @property
    def carry(self) -> Carry:
        return {"last": self._last, "last_us": self._last_us}

    def feed(self, line: bytes, place: RawLine) -> None:
        self._last = _digest(line)
        value, _ = orjson.loads(line)
        try:
            event = ComponentOutcome.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ValueError(f"event {place.end}: {where}: {first['msg']}") from None
        time_us = to_us(event.timestamp)
        self._last_us = max(self._last_us, time_us)
        self.settle(
            Outcome(
                event.component_id,
                event.outcome_type,
                time_us,
                event.context,
                place,
                placeless=True,
                event_id=event.event_id,
                host_id=event.host_id,
            )
        )


def _numbered(events: list[Any]) -> list[bytes]:
    """Return each event with how many equal ones stand before it: they differ in nothing else."""
    before = Counter[bytes]()
    texts = []
    for event in events:
        text = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
        texts.append(b"[%b,%d]" % (text, before[text]))
        before[text] += 1
    return texts


def _after(texts: list[bytes], events: list[Any], carry: Carry) -> int:
    """Return the index of the first event after the last that was sent.

    If that one is not in the window, the window has moved on, or is one of long ago: the times tell.
    """
    if not carry:
        return 0
    last, last_us = str(carry["last"]), int(carry["last_us"])
    found = next((index for index, text in enumerate(texts) if _digest(text) == last), None)
    if found is not None:
        return found + 1
    later = (index for index, event in enumerate(events) if _time_us(event) >= last_us)
    return next(later, len(events))


def _digest(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _time_us(event: Any) -> int:
    try:
        return to_us(ComponentOutcome.model_validate(event).timestamp)
    except ValidationError:
        return 0
