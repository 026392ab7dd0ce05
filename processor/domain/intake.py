"""Intake: a batch of one partition's events becomes deltas, pair changes and ledgers.

The law: event by event in offset order, so that how a history is cut into batches never matters. What does
not depend on order (counts, first and last times) is gathered by column and reckoned once per batch.
"""

from collections import ChainMap
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import count
from typing import cast

import numpy as np
from numpy.typing import NDArray

from processor.domain.config import FoldConfig
from processor.domain.cutting import Pushback, apply_control
from processor.domain.decode import RUN_LENGTH, Decoded, decode
from processor.domain.deltas import deltas_of, hours_of, spreads_of, with_sessions
from processor.domain.door import Door
from processor.domain.effects import Effects
from processor.domain.events import Events, Numbers, joined
from processor.domain.fingerprint import FINGERPRINT_BYTES
from processor.domain.ledger import EMPTY, Row, is_counted
from processor.domain.ledger import decode as decode_row
from processor.domain.names import OUTCOME_NUMBERS, OUTCOMES, Book
from processor.domain.record import Forward, Record, Taken
from processor.domain.results import IntakeCounts, IntakeResult, absorb
from processor.domain.rings import Judged, judge
from processor.domain.sessions import NOTHING, Session, add_failure, effect_of, is_late
from processor.domain.totals import totals_of
from schemas import OutcomeType
from schemas.topics import OUTCOME_EVENTS

__all__ = ["IntakeCounts", "IntakeResult", "Void", "fold"]

_FAILURE = OUTCOME_NUMBERS[OutcomeType.INSTALL_FAILURE.value]


Void = Callable[[Events, Book], Collection[int]]
"""Given events with their records, and the book of their names: the places of those that are void."""


def fold(
    records: Iterable[Record],
    partition: int,
    hosts: Mapping[bytes, Row | bytes],
    config: FoldConfig,
    *,
    topic: str = OUTCOME_EVENTS,
    void: Void | None = None,
    applies: bool = False,
) -> IntakeResult:
    """Fold one batch; nothing that is handed in is changed.

    Args:
        records: records of one partition, in offset order; looped over once.
        partition: its number.
        hosts: the ledgers of this partition's hosts, encoded or not.
        config: the folds' settings.
        topic: where the records were read; forwarded copies say so.
        void: says which events of a run are void. They count nothing, and their ids are remembered. Who gives
            it has counted none of them before, so control records only leave their notes.
        applies: control records apply all the same: they speak of what was counted here, and only that.

    Raises:
        LedgerError: an encoded ledger is of another version.
    """
    source, rows, total = Pushback(records), hosts, None
    while True:
        batch = _Batch(topic, partition, rows, config, void)
        control = batch.take_up_to_control(source)
        result = batch.finish()
        if control is None and total is None:
            return result
        if total is None:
            total = result
            rows = cast("Mapping[bytes, Row | bytes]", ChainMap(total.ledgers, hosts))  # type: ignore[arg-type]  # hosts is only read
        else:
            absorb(total, result)
        if control is None:
            return total
        apply_control(control, partition, rows, config, total, note=void is not None and not applies)


class _Batch:
    """One batch on its way: what its events change, over rows that stay as they were.

    Records become columns run by run, while they are in the processor's cache. Then the columns are folded at
    once. A place is an event's number in the batch; hosts and components go by their numbers in its book.
    """

    def __init__(
        self,
        topic: str,
        partition: int,
        hosts: Mapping[bytes, Row | bytes],
        config: FoldConfig,
        void: Void | None,
    ) -> None:
        self.result = IntakeResult()
        self._void = void
        self._voided: list[NDArray[np.bool_]] = []
        self._door = Door(f"{topic}/{partition}", partition, hosts, config)
        self._hosts = hosts
        self._config = config
        self._book = Book()
        self._runs: list[Events] = []
        self._rings: list[bytes] = []
        self._sessions: dict[int, tuple[Session, ...]] = {}
        self._waiting: set[int] = set()
        self._strangers: set[int] = set()
        self._newcomers: list[int] = []
        self._uncounted: list[int] = []
        self._effects = Effects()

    def take_up_to_control(self, source: Pushback) -> Record | None:
        """Take in records until they end, or up to a control record, which is taken and returned."""
        while True:
            run = decode(source.take(RUN_LENGTH), self._config, self._book)
            if run.controls:
                first = run.controls[0]
                source.put_back(run.taken[first + 1 :])
                self._add(decode(run.taken[:first], self._config, self._book))
                return run.taken[first]
            if not len(run):
                return None
            self._add(run)

    def _add(self, run: Decoded) -> None:
        """Take in one run of records."""
        result = self.result
        result.counts.ignored += run.ignored
        result.dead += run.dead
        result.newest_us = max(result.newest_us, run.newest_ms * 1000)
        for number in range(len(self._rings), len(self._book.hosts)):
            self._rings.append(self._load(number))
        if self._waiting:
            self._meet(run.events)
        events = self._send_away(run.events) if self._strangers else run.events
        if self._void is not None:
            void = np.zeros(len(events), np.bool_)
            void[list(self._void(events, self._book))] = True
            self._voided.append(void)
        events.records = ()  # from here on they would only take memory
        self._runs.append(events)

    def _load(self, number: int) -> bytes:
        """Take up a host's row and return its ring; a host without a row is a newcomer."""
        row = self._hosts.get(self._book.hosts.by_number[number])
        if row is None or row is EMPTY:
            self._waiting.add(number)
            return b""
        if isinstance(row, bytes):
            if not is_counted(row):
                self._uncounted.append(number)
            row = decode_row(row)
        ring, _, sessions = row
        if sessions:
            self._sessions[number] = sessions
        return ring[-self._config.ring_size * FINGERPRINT_BYTES :]

    def _meet(self, events: Events) -> None:
        """Let newcomers in, in the order of their first events; who is not let in is a stranger."""
        numbers, first = np.unique(events.hosts, return_index=True)
        for number in numbers[np.argsort(first)].tolist():
            if number in self._waiting:
                self._waiting.discard(number)
                if self._door.admits(self._book.hosts.by_number[number]):
                    self._newcomers.append(number)
                else:
                    self._strangers.add(number)

    def _send_away(self, events: Events) -> Events:
        """Forward or bury the events of strangers; return the others."""
        away = np.isin(events.hosts, list(self._strangers))
        result = self.result
        for place in np.flatnonzero(away).tolist():
            host = self._book.hosts.by_number[events.hosts[place]]
            copy = self._door.send_away(Taken._make(events.records[place]), host)
            if isinstance(copy, Forward):
                result.forwards.append(copy)
            else:
                result.dead.append(copy)
        return events.take(np.flatnonzero(~away))

    def finish(self) -> IntakeResult:
        """Fold what was taken in, and return what the batch came to."""
        result, counts = self.result, self.result.counts
        counts.misrouted, counts.dead = len(result.forwards), len(result.dead)
        events = joined(self._runs) if self._runs else Events.of((), self._book)
        judged = judge(events.hosts, events.prints, self._rings, self._config.ring_size)
        counts.duplicates = len(judged.duplicates)
        if judged.duplicates or self._voided:
            counted = np.ones(len(events), np.bool_)
            counted[judged.duplicates] = False
            if self._voided:
                counted &= ~self._set_aside(events, counted)
            kept = events.take(np.flatnonzero(counted))
        else:
            kept = events
        counts.events = len(kept)
        counts.skewed = int(np.count_nonzero(kept.skewed))
        columns = self._columns(kept)
        result.deltas, result.spreads = deltas_of(*columns), spreads_of(*columns)
        hosts, effects = self._count_hosts(judged), self._effects
        self._add_failures(kept)
        counts.mass_failures = effects.became_mass
        numbers = np.bincount(kept.outcomes, minlength=len(OUTCOMES)).tolist()
        result.totals = totals_of(numbers, effects, hosts)
        with_sessions(result.deltas, effects.components)
        result.pair_changes = {pair: change for pair, change in effects.pairs.items() if change}
        result.ledgers = self._ledgers(judged, events)
        return result

    def _columns(self, events: Events) -> tuple[Numbers, Numbers, Numbers, list[str]]:
        return events.components, events.outcomes, events.times_us, self._book.components.by_number

    def _set_aside(self, events: Events, counted: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Note what the void ones among events that count would have come to; return which they are."""
        void = np.concatenate(self._voided) & counted
        columns = self._columns(events.take(np.flatnonzero(void)))
        self.result.voided, self.result.voided_hours = deltas_of(*columns), hours_of(*columns)
        self.result.counts.void = int(np.count_nonzero(void))
        return void

    def _count_hosts(self, judged: Judged) -> int:
        """Return how many hosts are heard of for the first time since hosts and sessions are counted.

        A release before counted neither a host nor its sessions. From here on both are, so that nothing is
        ever withdrawn that was not counted.
        """
        uncounted = [number for number in self._uncounted if judged.last[number] >= 0]
        for number in uncounted:
            self._effects.take(effect_of(self._sessions.get(number, ())))
        return len(uncounted) + sum(judged.last[number] >= 0 for number in self._newcomers)

    def _ledgers(self, judged: Judged, events: Events) -> dict[bytes, Row]:
        """Return the rows of the hosts that were heard: with an event that is no duplicate."""
        sessions = self._sessions
        heard_us = (events.heard_ms * 1000).tolist()
        hosts = zip(count(), self._book.hosts.by_number, judged.rings, judged.last, strict=False)
        return {
            host: (ring, heard_us[last], sessions.get(number, ()))
            for number, host, ring, last in hosts
            if last >= 0
        }

    def _add_failures(self, events: Events) -> None:
        """Put the failures into their hosts' sessions, in offset order."""
        config, counts, all_sessions = self._config, self.result.counts, self._sessions
        places = np.flatnonzero(events.outcomes == _FAILURE)
        components = map(self._book.components.by_number.__getitem__, events.components[places].tolist())
        columns = (events.hosts[places].tolist(), components, events.times_us[places].tolist())
        for host, component, at_us in zip(*columns, strict=True):
            sessions = all_sessions.get(host, ())
            if is_late(sessions, at_us, config):
                counts.late += 1
                continue
            all_sessions[host], effect = add_failure(sessions, component, at_us, config)
            if effect is not NOTHING:
                self._effects.take(effect)
