"""Events of a run, as columns of one length: what C loops over quickly, and Python need not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import NamedTuple

from processor.domain.record import Record

__all__ = ["Event", "Events"]


class Event(NamedTuple):
    """One event.

    Attributes:
        component: the component's id.
        outcome: a value of OutcomeType.
        time: when it happened, as text of fixed width, which sorts as time does.
        fingerprint: eight bytes for its event id, none if it has no id.
        host: the host's id as UTF-8.
        heard_ms: its record's own time, in milliseconds since the epoch.
        record: the record that it came in.
    """

    component: str
    outcome: str
    time: str
    fingerprint: bytes
    host: bytes
    heard_ms: int
    record: Record


@dataclass(slots=True)
class Events:
    """Events in offset order, as columns; `skewed` holds the places of those whose time was not believed."""

    components: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    times: Sequence[str] = ()
    fingerprints: Sequence[bytes] = ()
    hosts: Sequence[bytes] = ()
    heard_ms: Sequence[int] = ()
    records: Sequence[Record] = ()
    skewed: set[int] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.hosts)

    def columns(self) -> tuple[Sequence[object], ...]:
        """Return the columns, in the order of Event's fields."""
        return (
            self.components,
            self.outcomes,
            self.times,
            self.fingerprints,
            self.hosts,
            self.heard_ms,
            self.records,
        )

    def one_by_one(self) -> list[Event]:
        """Return the events, each by itself."""
        return [Event._make(each) for each in zip(*self.columns(), strict=True)]

    def without(self, places: set[int]) -> "Events":
        """Return the events but for those at these places."""
        if not places:
            return self
        keep = bytearray(b"\1") * len(self)
        for place in places:
            keep[place] = 0
        moved = compress(range(len(self)), keep) if self.skewed else ()
        return Events(
            list(compress(self.components, keep)),
            list(compress(self.outcomes, keep)),
            list(compress(self.times, keep)),
            list(compress(self.fingerprints, keep)),
            list(compress(self.hosts, keep)),
            list(compress(self.heard_ms, keep)),
            list(compress(self.records, keep)),
            {now for now, was in enumerate(moved) if was in self.skewed},
        )
