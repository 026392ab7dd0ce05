"""A chunk is what may be sent again after a crash: its marks are written when all of it is acknowledged.

It has at most 32 events of one host, since a host has at most 32 unacknowledged events: a resend then always
meets the ring of event ids that the fold keeps for the host.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from processor.publish.bookmark import Mark
from processor.publish.importers.base import Carry, RawLine
from schemas import ComponentOutcome

__all__ = ["CHUNK_EVENTS", "Chunk", "Closed", "Filling"]

CHUNK_EVENTS = 32  # of one host
_CHUNK_MOST_EVENTS = 2_000

# The files that a clean point closes: the last line that was read, and what a reader needs to go on there.
Closed: TypeAlias = Mapping[str, tuple[RawLine, Carry]]


@dataclass(slots=True)
class Chunk:
    """Events to send together, at most 32 of one host, and the marks to write once they are acknowledged.

    At the end of the logs there may be marks without events.
    """

    events: list[ComponentOutcome] = field(default_factory=list)
    marks: dict[str, Mark] = field(default_factory=dict)


class Filling:
    """A chunk that is being filled, and what its marks will be; `marks` are those of the chunk before."""

    def __init__(self, marks: dict[str, Mark]) -> None:
        self.marks = marks
        self._events: list[ComponentOutcome] = []
        self._of_host: Counter[str | None] = Counter()
        self._sent: dict[str, tuple[int, int]] = {}
        self._closed: dict[str, tuple[RawLine, Carry]] = {}

    def knows(self, place: RawLine) -> bool:
        """Return whether what stands there was acknowledged before."""
        return place.end <= self.marks[place.identity].sent

    def takes(self, event: ComponentOutcome) -> bool:
        """Return whether there is room for one more event of its host."""
        return len(self._events) < _CHUNK_MOST_EVENTS and self._of_host[event.host_id] < CHUNK_EVENTS

    def add(self, event: ComponentOutcome, place: RawLine) -> None:
        """Take an event and where it stands."""
        self._events.append(event)
        self._of_host[event.host_id] += 1
        _, count = self._sent.get(place.identity, (0, 0))
        self._sent[place.identity] = (place.end, count + 1)

    def close(self, closed: Closed) -> None:
        """Take what a clean point closes."""
        self._closed.update(closed)

    def chunk(self) -> Chunk | None:
        """Return what was filled with its marks, and begin anew; None when nothing was."""
        for identity, (end, count) in self._sent.items():
            mark = self.marks[identity]
            self.marks[identity] = replace(mark, sent=end, events=mark.events + count)
        for identity, (line, carry) in self._closed.items():
            last = (line.start, hashlib.blake2b(line.text, digest_size=16).hexdigest())
            mark = self.marks[identity]
            sent = max(mark.sent, line.end)
            self.marks[identity] = replace(mark, offset=line.end, sent=sent, carry=carry, last=last)
        changed = {**self._sent, **self._closed}
        filled = Chunk(self._events, {identity: self.marks[identity] for identity in changed})
        self._events, self._sent, self._closed = [], {}, {}
        self._of_host.clear()
        return filled if changed else None
