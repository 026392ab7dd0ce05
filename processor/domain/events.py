"""Events of a run, as columns of one length: what C loops over quickly, and Python need not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from processor.domain.record import Record

__all__ = ["Event", "Events"]

T = TypeVar("T")


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

    def columns(self) -> tuple[Sequence[Any], ...]:
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

    def without(self, places: Sequence[int]) -> "Events":
        """Return the events but for those at these places, which are in order."""
        if not places:
            return self
        gone = set(places)
        moved = [place for place in range(len(self)) if place not in gone] if self.skewed else ()
        skewed = {now for now, was in enumerate(moved) if was in self.skewed}
        return Events(*[_without(column, places) for column in self.columns()], skewed)  # type: ignore[arg-type, call-arg]  # by order


def _without(column: Sequence[T], places: Sequence[int]) -> list[T]:
    """Return a column but for some places; one that was let go stays empty."""
    left = list(column)
    if left:
        for place in reversed(places):
            del left[place]
    return left
