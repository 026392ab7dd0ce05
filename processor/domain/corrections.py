"""Corrections: which events are void, as a function of the event and of where its original stands.

The law: an event is void if a correction names it and its original stands before the end of the log that the
correction wrote down. A forwarded copy is judged by its original. So the live fold, which takes back what it
had counted, and a rebuild, which never counts it, come to the same rows. Pure: nothing here reads a topic.

A void event is not absent: its id stays in its host's ring, so that a copy of it that is sent again later
is a duplicate as before. So a rebuild does not leave void events out, it hands the corrections to
`intake.fold(..., void=partial(corrections.places, partition=...))`. But those of a forgotten host it leaves
out (`forgets`), since with the host went its ring.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

import numpy as np
from pydantic import ValidationError

from processor.domain.events import Event, Events
from processor.domain.fingerprint import fingerprint
from processor.domain.names import Book
from processor.domain.record import FROM_HEADER, Record, header_of
from schemas.corrections import Correction, CorrectionKind
from schemas.times import to_us

__all__ = ["Corrections", "CorrectionsError", "origin_of"]

_PLACE_PARTS = 2  # after the topic: partition and offset
_FIRST_US, _END_US = -(2**62), 2**62  # before and after any time that can be written


class CorrectionsError(ValueError):
    """A record of `corrections` that this version cannot read: nothing may be folded past it."""


@dataclass(frozen=True, slots=True)
class _Selector:
    """What one correction names, in the form in which the folds have events."""

    component: str | None
    host: bytes | None
    outcome: str | None
    since_us: int
    until_us: int
    fingerprints: frozenset[bytes] | None
    before: tuple[int, ...]
    made_ms: int

    def takes(self, component: str, outcome: str, time_us: int, host: bytes, print_: bytes) -> bool:
        """Say whether an event is named, wherever it stands."""
        return (
            (self.component is None or component == self.component)
            and (self.host is None or host == self.host)
            and (self.outcome is None or outcome == self.outcome)
            and self.since_us <= time_us < self.until_us
            and (self.fingerprints is None or print_ in self.fingerprints)
        )

    def reaches(self, partition: int, offset: int) -> bool:
        """Say whether an original at this place stood on the log when the correction was made."""
        return partition < len(self.before) and offset < self.before[partition]


@dataclass(slots=True)
class Corrections:
    """All corrections up to now; truthy if any of them can make an event void."""

    all: list[Correction] = field(default_factory=list)
    undeprecated_us: dict[str, int] = field(default_factory=dict)
    """Components that were declared not deprecated, with the newest time for which that was said."""
    _by_host: defaultdict[bytes, list[_Selector]] = field(default_factory=lambda: defaultdict(list))
    _by_component: defaultdict[str, list[_Selector]] = field(default_factory=lambda: defaultdict(list))
    _others: list[_Selector] = field(default_factory=list)
    _forgotten: defaultdict[bytes, list[_Selector]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def from_records(cls, values: Iterable[bytes | None]) -> Self:
        """Return the corrections that the values of `corrections` hold.

        Args:
            values: the records' values, in the order of the log.

        Raises:
            CorrectionsError: one is no correction, or of a kind that this version does not know.
        """
        corrections = cls()
        for value in values:
            try:
                corrections.add(Correction.model_validate_json(value or b""))
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]["msg"]
                raise CorrectionsError(f"not a correction: {(value or b'')[:80]!r}: {first}") from error
        return corrections

    def __bool__(self) -> bool:
        return bool(self._by_host or self._by_component or self._others)

    def add(self, correction: Correction) -> None:
        """Take in one more."""
        self.all.append(correction)
        if correction.kind is CorrectionKind.UNDEPRECATE:
            component = correction.component_id or ""
            at_us = to_us(correction.at)
            self.undeprecated_us[component] = max(at_us, self.undeprecated_us.get(component, at_us))
            return
        if correction.kind is CorrectionKind.FORGET_COMPONENT:  # with its row goes what was said of it
            self.undeprecated_us.pop(correction.component_id or "", None)
        selector = _selector_of(correction)
        if selector.host is not None and correction.kind is CorrectionKind.FORGET_HOST:
            self._forgotten[selector.host].append(selector)
        if selector.host is not None:
            self._by_host[selector.host].append(selector)
        elif selector.component is not None:
            self._by_component[selector.component].append(selector)
        else:
            self._others.append(selector)

    def only(self, correction_ids: Collection[UUID]) -> "Corrections":
        """Return those with one of these ids."""
        some = Corrections()
        for correction in self.all:
            if correction.correction_id in correction_ids:
                some.add(correction)
        return some

    def voids(
        self,
        component_id: str,
        outcome_type: str,
        time_us: int,
        host_id: str,
        event_id: UUID | None,
        place: tuple[int, int],
    ) -> bool:
        """Say whether an event is void.

        Args:
            component_id: which component.
            outcome_type: a value of OutcomeType.
            time_us: when it happened, as it is folded, in microseconds since the epoch.
            host_id: its settled host, which may come from the record's key.
            event_id: its id, if it has one.
            place: partition and offset of the original on `outcome-events`.
        """
        print_ = b"" if event_id is None else fingerprint(event_id)
        host = host_id.encode()
        return any(
            selector.reaches(*place) and selector.takes(component_id, outcome_type, time_us, host, print_)
            for selector in self._suspects(host, component_id)
        )

    def places(self, events: Events, book: Book, partition: int) -> list[int]:
        """Return the places of the void ones among events, in order.

        Args:
            events: as the decoder gives them, with their records.
            book: what their numbers stand for.
            partition: where the records were read.
        """
        return [
            place for place in self._named(events, book) if self.is_void(events.one(place, book), partition)
        ]

    def forgets(self, host: bytes, partition: int, offset: int) -> bool:
        """Say whether a host was forgotten after it had sent the original at this place."""
        return any(selector.reaches(partition, offset) for selector in self._forgotten.get(host, ()))

    def is_void(self, event: Event, partition: int | None) -> bool:
        """Say whether an event is void.

        Args:
            event: as a copy perhaps.
            partition: where it was read; None if nothing tells where its original stands: then it is judged
                by the time of its record.
        """
        component, outcome, time_us, print_, host = event[:5]
        return any(
            selector.takes(component, outcome, time_us, host, print_)
            and (
                event.heard_ms <= selector.made_ms
                if partition is None
                else selector.reaches(*origin_of(event.record, partition))
            )
            for selector in self._suspects(host, component)
        )

    def _named(self, events: Events, book: Book) -> Iterable[int]:
        """Return the places that must be looked at: all, or those of a named host or component."""
        if self._others:
            return range(len(events))
        hosts = [book.hosts[host] for host in book.hosts.keys() & self._by_host.keys()]
        components = [book.components[name] for name in book.components.keys() & self._by_component.keys()]
        if not hosts and not components:
            return ()
        named = np.isin(events.hosts, hosts) | np.isin(events.components, components)
        return [int(place) for place in np.flatnonzero(named)]

    def _suspects(self, host: bytes, component: str) -> Iterator[_Selector]:
        yield from self._others
        yield from self._by_host.get(host, ())
        yield from self._by_component.get(component, ())


def origin_of(record: Record, partition: int) -> tuple[int, int]:
    """Return partition and offset of a record's original: its own place, unless it is a forwarded copy.

    Args:
        record: of `outcome-events`.
        partition: where it was read.
    """
    stated = header_of(record, FROM_HEADER) if record.headers else None
    parts = (stated or b"").rsplit(b"/", _PLACE_PARTS)[1:]
    if len(parts) == _PLACE_PARTS and all(part.isdigit() for part in parts):
        return int(parts[0]), int(parts[1])
    return partition, record.offset


def _selector_of(correction: Correction) -> _Selector:
    since, until, ids = correction.since, correction.until, correction.event_ids
    return _Selector(
        correction.component_id,
        None if correction.host_id is None else correction.host_id.encode(),
        None if correction.outcome_type is None else correction.outcome_type.value,
        _FIRST_US if since is None else to_us(since),
        _END_US if until is None else to_us(until),
        None if ids is None else frozenset(map(fingerprint, ids)),
        tuple(correction.before or ()),
        to_us(correction.at) // 1000,
    )
