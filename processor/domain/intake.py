"""Intake: a batch of one partition's events becomes deltas, pair changes and ledgers.

The law: event by event in offset order, so that how a history is cut into batches never matters. What does
not depend on order (counts, first and last times) is gathered by column and reckoned once per batch.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, compress, count, islice

from processor.domain.columns import OUTCOMES
from processor.domain.config import FoldConfig
from processor.domain.decode import RUN_LENGTH, Decoded, decode
from processor.domain.deltas import deltas_of, time_us
from processor.domain.events import Events
from processor.domain.fingerprint import FINGERPRINT_BYTES
from processor.domain.forwarding import forward
from processor.domain.ledger import EMPTY, Row
from processor.domain.ledger import decode as decode_row
from processor.domain.partition import partition_of
from processor.domain.record import DeadLetter, Forward, Record, record_times_ms
from processor.domain.ring import may_repeat, put_one_by_one
from processor.domain.sessions import Pair, Session, add_failure, is_late
from processor.domain.stats import Stats
from schemas import OutcomeType
from schemas.topics import OUTCOME_EVENTS

__all__ = ["IntakeCounts", "IntakeResult", "fold"]

_FAILURE = OutcomeType.INSTALL_FAILURE.value


@dataclass(slots=True)
class IntakeCounts:
    """How many records of a batch came to what.

    `events`, `duplicates`, `misrouted`, `ignored` and `dead` add up to the records of the batch. `late` and
    `skewed` are among `events`; `mass_failures` counts sessions that became one.
    """

    events: int = 0
    duplicates: int = 0
    late: int = 0
    skewed: int = 0
    misrouted: int = 0
    ignored: int = 0
    mass_failures: int = 0
    dead: int = 0


@dataclass(slots=True)
class IntakeResult:
    """What a batch comes to.

    Attributes:
        deltas: one for each component of the batch.
        pair_changes: signed changes of pair counts, a < b, without zeros.
        ledgers: the new rows of the hosts that were heard.
        forwards: copies of events that belong in other partitions.
        dead: records that are no events.
        counts: how many records came to what.
        newest_us: the newest time of a record, in microseconds; 0 for an empty batch.
    """

    deltas: dict[str, Stats] = field(default_factory=dict)
    pair_changes: dict[Pair, int] = field(default_factory=dict)
    ledgers: dict[bytes, Row] = field(default_factory=dict)
    forwards: list[Forward] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    counts: IntakeCounts = field(default_factory=IntakeCounts)
    newest_us: int = 0


def fold(
    records: Iterable[Record],
    partition: int,
    hosts: Mapping[bytes, Row | bytes],
    config: FoldConfig,
    *,
    topic: str = OUTCOME_EVENTS,
) -> IntakeResult:
    """Fold one batch; nothing that is handed in is changed.

    Args:
        records: records of one partition, in offset order; looped over once.
        partition: its number.
        hosts: the ledgers of this partition's hosts, encoded or not.
        config: the folds' settings.
        topic: where the records were read; forwarded copies say so.

    Raises:
        LedgerError: an encoded ledger is of another version.
    """
    batch = _Batch(topic, partition, hosts, config)
    iterator = iter(records)
    newest_ms = 0
    while run := list(islice(iterator, RUN_LENGTH)):
        decoded = decode(run, config)
        plain = len(decoded.events) == len(run)
        newest_ms = max(newest_ms, *(decoded.events.heard_ms if plain else record_times_ms(run)))
        batch.add(decoded)
    batch.result.newest_us = newest_ms * 1000
    return batch.finish()


class _Batch:
    """One batch on its way: what its events change, over rows that stay as they were.

    Events are counted and gathered by host, run by run, while they are in the processor's cache. Then each
    host's ring is looked at once, and what turns out a duplicate is taken back. A place is an event's number
    in the batch.
    """

    def __init__(
        self, topic: str, partition: int, hosts: Mapping[bytes, Row | bytes], config: FoldConfig
    ) -> None:
        self.result = IntakeResult()
        self._source = f"{topic}/{partition}"
        self._partition = partition
        self._hosts = hosts
        self._config = config
        self._runs: list[Events] = []
        self._fingerprints: list[bytes] = []
        self._times_heard_ms: list[int] = []
        self._places: defaultdict[bytes, list[int]] = defaultdict(list)
        self._rings: dict[bytes, bytes] = {}
        self._sessions: dict[bytes, tuple[Session, ...]] = {}
        self._heard_ms: dict[bytes, int] = {}
        self._skewed: set[int] = set()
        self._failures: list[tuple[int, bytes, str, str]] = []
        self._times: dict[str, defaultdict[str, list[str]]] = {each: defaultdict(list) for each in OUTCOMES}
        self._pairs: defaultdict[Pair, int] = defaultdict(int)

    def add(self, run: Decoded) -> None:
        """Take in one run of records."""
        self.result.counts.ignored += run.ignored
        self.result.dead += run.dead
        events, first, known = run.events, len(self._fingerprints), len(self._places)
        self._gather(events, first)
        newcomers = islice(reversed(self._places), len(self._places) - known)
        strangers = {host for host in newcomers if not self._load(host)}
        if strangers:
            for host in set(events.hosts):
                self._places[host] = [place for place in self._places[host] if place < first]
            for host in strangers:
                del self._places[host]
            events = self._send_away(events, strangers)
            self._gather(events, first)
        events.records = ()  # from here on they would only take memory
        self._runs.append(events)
        self._fingerprints += events.fingerprints
        self._times_heard_ms += events.heard_ms
        self._skewed.update(first + place for place in events.skewed)
        self._count(events, first)

    def _count(self, events: Events, first: int) -> None:
        """Note all events by component and outcome, while they are in the processor's cache; failures too."""
        times = self._times
        for component, outcome, time in zip(events.components, events.outcomes, events.times, strict=True):
            times[outcome][component].append(time)
        if _FAILURE in events.outcomes:
            failed = [outcome is _FAILURE for outcome in events.outcomes]
            columns = zip(count(first), events.hosts, events.components, events.times, strict=False)
            self._failures += compress(columns, failed)

    def _gather(self, events: Events, first: int) -> None:
        """Note which places are whose, counted from `first`."""
        places = self._places
        for place, host in enumerate(events.hosts, first):
            places[host].append(place)

    def _load(self, host: bytes) -> bool:
        """Take up a host's row; return False if the host lives in another partition."""
        row = self._hosts.get(host)
        if row is None:
            if partition_of(host, self._config.partitions) != self._partition:
                return False
            row = EMPTY
        ring, _, sessions = decode_row(row) if isinstance(row, bytes) else row
        self._rings[host] = ring[-self._config.ring_size * FINGERPRINT_BYTES :]
        if sessions:
            self._sessions[host] = sessions
        return True

    def _send_away(self, events: Events, strangers: set[bytes]) -> Events:
        """Forward the events of hosts that live in other partitions; return the others."""
        away = [place for place, host in enumerate(events.hosts) if host in strangers]
        result, partitions = self.result, self._config.partitions
        for place in away:
            host = events.hosts[place]
            copy = forward(events.records[place], self._source, host, partition_of(host, partitions))
            if isinstance(copy, Forward):
                result.forwards.append(copy)
            else:
                result.dead.append(copy)
        return events.without(away)

    def finish(self) -> IntakeResult:
        """Fold what was taken in, and return what the batch came to."""
        result, counts = self.result, self.result.counts
        counts.misrouted, counts.dead = len(result.forwards), len(result.dead)
        duplicates = self._judge_duplicates()
        counts.duplicates = len(duplicates)
        counts.events = len(self._fingerprints) - len(duplicates)
        counts.skewed = len(self._skewed.difference(duplicates))
        self._add_failures(set(duplicates))
        result.deltas = deltas_of(self._times, self._times_of(duplicates))
        result.pair_changes = {pair: change for pair, change in self._pairs.items() if change}
        rings, sessions = self._rings, self._sessions
        result.ledgers = {
            host: (rings[host], heard_ms * 1000, sessions.get(host, ()))
            for host, heard_ms in self._heard_ms.items()
        }
        return result

    def _judge_duplicates(self) -> list[int]:
        """Put all fingerprints into their hosts' rings; return the places of those found there."""
        rings, limit = self._rings, self._config.ring_size * FINGERPRINT_BYTES
        fingerprints, heard_ms = self._fingerprints, self._times_heard_ms
        duplicates: list[int] = []
        for host, places in self._places.items():
            ring, fresh = rings[host], [fingerprints[place] for place in places]
            joined = b"".join(fresh)
            if may_repeat(ring, fresh, len(joined)):
                rings[host], found = put_one_by_one(ring, fresh, limit)
                duplicates += [places[number] for number in found]
                last = max(set(range(len(places))).difference(found), default=None)
            else:
                rings[host], last = (ring + joined)[-limit:], -1
            if last is not None:
                self._heard_ms[host] = heard_ms[places[last]]
        return duplicates

    def _times_of(self, places: Iterable[int]) -> dict[tuple[str, str], list[str]]:
        """Return the times of some events by outcome and component."""
        times: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        begins = list(accumulate(map(len, self._runs), initial=0))
        for place in places:
            number = bisect_right(begins, place) - 1
            run, own = self._runs[number], place - begins[number]
            times[run.outcomes[own], run.components[own]].append(run.times[own])
        return times

    def _add_failures(self, duplicates: set[int]) -> None:
        """Put the failures into their hosts' sessions, in offset order."""
        config, counts, all_sessions, pairs = self._config, self.result.counts, self._sessions, self._pairs
        for place, host, component, time in self._failures:
            if place in duplicates:
                continue
            sessions = all_sessions.get(host, ())
            at_us = time_us(time)
            if is_late(sessions, at_us, config):
                counts.late += 1
                continue
            all_sessions[host], changes, mass_failures = add_failure(sessions, component, at_us, config)
            counts.mass_failures += mass_failures
            for pair, change in changes.items():
                pairs[pair] += change
