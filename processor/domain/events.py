"""Events of a run, as columns of numbers: what C loops over quickly, and Python need not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from processor.domain.fingerprint import prints_of
from processor.domain.names import OUTCOME_NUMBERS, OUTCOMES, Book
from processor.domain.record import Record, Taken

__all__ = ["Event", "Events", "Numbers", "joined"]

Numbers = NDArray[np.int64]


class Event(NamedTuple):
    """One event.

    Attributes:
        component: the component's id.
        outcome: a value of OutcomeType.
        time_us: when it happened, in microseconds since the epoch.
        fingerprint: eight bytes for its event id, none if it has no id.
        host: the host's id as UTF-8.
        heard_ms: its record's own time, in milliseconds since the epoch.
        skewed: whether the time that it stated was not believed.
        record: the record that it came in.
    """

    component: str
    outcome: str
    time_us: int
    fingerprint: bytes
    host: bytes
    heard_ms: int
    skewed: bool
    record: Record


@dataclass(slots=True)
class Events:
    """Events in offset order, as columns of one length.

    Attributes:
        components: numbers of the batch's book.
        outcomes: places in OUTCOMES.
        times_us: when each happened, in microseconds since the epoch.
        prints: fingerprints of the event ids, as integers; 0 for an event without id.
        hosts: numbers of the batch's book.
        heard_ms: the records' own times, in milliseconds since the epoch.
        skewed: whether the stated time was not believed.
        records: the fields (`Taken`) of the records that they came in; let go once nothing can need them.
    """

    components: Numbers
    outcomes: Numbers
    times_us: Numbers
    prints: NDArray[np.uint64]
    hosts: Numbers
    heard_ms: Numbers
    skewed: NDArray[np.bool_]
    records: Sequence[Any] = ()

    def __len__(self) -> int:
        return len(self.hosts)

    @classmethod
    def of(cls, events: Sequence[Event], book: Book) -> "Events":
        """Return the columns of events that were decoded one by one; the book takes in their names."""
        components, outcomes, times_us, fingerprints, hosts, heard_ms, skewed, records = (
            zip(*events, strict=True) if events else ((),) * len(Event._fields)
        )
        return cls(
            components=_integers([book.components[each] for each in components]),
            outcomes=_integers([OUTCOME_NUMBERS[each] for each in outcomes]),
            times_us=_integers(times_us),
            prints=prints_of(fingerprints),
            hosts=_integers([book.hosts[each] for each in hosts]),
            heard_ms=_integers(heard_ms),
            skewed=np.array(skewed, np.bool_),
            records=records,
        )

    def one(self, place: int, book: Book) -> Event:
        """Return one event by itself, as it was decoded with this book; its record must not be let go yet."""
        prints = self.prints[place : place + 1]
        return Event(
            component=book.components.by_number[self.components[place]],
            outcome=OUTCOMES[self.outcomes[place]],
            time_us=int(self.times_us[place]),
            fingerprint=prints.tobytes() if prints.all() else b"",
            host=book.hosts.by_number[self.hosts[place]],
            heard_ms=int(self.heard_ms[place]),
            skewed=bool(self.skewed[place]),
            record=Taken._make(self.records[place]),
        )

    def take(self, places: NDArray[Any]) -> "Events":
        """Return the events at these places, in their order."""
        records = [self.records[place] for place in places.tolist()] if self.records else ()
        columns = [column[places] for column in _columns(self)]
        return Events(*columns, records)  # type: ignore[call-arg]  # by order


def joined(parts: Sequence[Events]) -> Events:
    """Return the events of all parts, at least one, one after the other."""
    if len(parts) == 1:
        return parts[0]
    columns = zip(*map(_columns, parts), strict=True)
    records = [each for part in parts for each in part.records]
    return Events(*map(np.concatenate, columns), records)  # type: ignore[call-arg, arg-type]  # by order


def _columns(events: Events) -> tuple[NDArray[Any], ...]:
    return (
        events.components,
        events.outcomes,
        events.times_us,
        events.prints,
        events.hosts,
        events.heard_ms,
        events.skewed,
    )


def _integers(column: Sequence[int]) -> Numbers:
    return np.array(column, np.int64)
