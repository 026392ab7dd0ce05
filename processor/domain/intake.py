"""Intake: a batch of one partition's events becomes deltas, pair changes and ledgers.

The law: event by event in offset order, so that how a history is cut into batches never matters. What does
not depend on order (counts, first and last times) is gathered by column and reckoned once per batch.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import compress, islice

from processor.domain.columns import OUTCOMES
from processor.domain.config import FoldConfig
from processor.domain.decode import RUN_LENGTH, Decoded, decode
from processor.domain.deltas import deltas_of, time_us
from processor.domain.events import Events
from processor.domain.fingerprint import FINGERPRINT_BYTES
from processor.domain.forwarding import forward
from processor.domain.ledger import EMPTY, Row, is_in_ring
from processor.domain.ledger import decode as decode_row
from processor.domain.partition import partition_of
from processor.domain.record import DeadLetter, Forward, Record, record_times_ms
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
    """One batch on its way: what its events have changed so far, over rows that stay as they were."""

    def __init__(
        self, topic: str, partition: int, hosts: Mapping[bytes, Row | bytes], config: FoldConfig
    ) -> None:
        self.result = IntakeResult()
        self._source = f"{topic}/{partition}"
        self._partition = partition
        self._hosts = hosts
        self._config = config
        self._rings: dict[bytes, bytes] = {}
        self._sessions: dict[bytes, tuple[Session, ...]] = {}
        self._heard_ms: dict[bytes, int] = {}
        self._times: dict[str, defaultdict[str, list[str]]] = {each: defaultdict(list) for each in OUTCOMES}
        self._pairs: defaultdict[Pair, int] = defaultdict(int)

    def add(self, run: Decoded) -> None:
        """Fold one run of records."""
        counts = self.result.counts
        counts.ignored += run.ignored
        self.result.dead += run.dead
        events = self._here(run.events)
        duplicates = self._duplicates(events)
        counts.duplicates += len(duplicates)
        events = events.without(duplicates)
        counts.events += len(events)
        counts.skewed += len(events.skewed)
        self._heard_ms.update(zip(events.hosts, events.heard_ms, strict=True))
        times = self._times
        for component, outcome, time in zip(events.components, events.outcomes, events.times, strict=True):
            times[outcome][component].append(time)
        if _FAILURE in events.outcomes:
            self._add_failures(events)

    def _here(self, events: Events) -> Events:
        """Return the events of this partition's hosts; the others are forwarded."""
        strangers = {host for host in set(events.hosts).difference(self._rings) if not self._load(host)}
        if not strangers:
            return events
        away = {place for place, host in enumerate(events.hosts) if host in strangers}
        result, partitions = self.result, self._config.partitions
        for place in sorted(away):
            host = events.hosts[place]
            copy = forward(events.records[place], self._source, host, partition_of(host, partitions))
            if isinstance(copy, Forward):
                result.forwards.append(copy)
            else:
                result.dead.append(copy)
        result.counts.misrouted = len(result.forwards)
        return events.without(away)

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

    def _duplicates(self, events: Events) -> set[int]:
        """Put the events' fingerprints into their hosts' rings; return the places of those found there."""
        rings = self._rings
        kept = (self._config.ring_size - 1) * FINGERPRINT_BYTES
        tail = slice(-kept, None) if kept else slice(0)
        duplicates = set()
        for place, (host, fingerprint) in enumerate(zip(events.hosts, events.fingerprints, strict=True)):
            ring = rings[host]
            if not fingerprint:
                continue
            # Searching a full ring costs 250 ns; a look at its first, then its second bytes mostly saves it.
            if (
                fingerprint[0] in ring[::FINGERPRINT_BYTES]
                and fingerprint[1] in ring[1::FINGERPRINT_BYTES]
                and is_in_ring(ring, fingerprint)
            ):
                duplicates.add(place)
            else:
                rings[host] = ring[tail] + fingerprint
        return duplicates

    def _add_failures(self, events: Events) -> None:
        """Put the failures among the events into their hosts' sessions, in offset order."""
        config, counts, all_sessions, pairs = self._config, self.result.counts, self._sessions, self._pairs
        failed = [outcome is _FAILURE for outcome in events.outcomes]
        columns = zip(events.hosts, events.components, events.times, strict=True)
        for host, component, time in compress(columns, failed):
            sessions = all_sessions.get(host, ())
            at_us = time_us(time)
            if is_late(sessions, at_us, config):
                counts.late += 1
                continue
            all_sessions[host], changes, mass_failures = add_failure(sessions, component, at_us, config)
            counts.mass_failures += mass_failures
            for pair, change in changes.items():
                pairs[pair] += change

    def finish(self) -> IntakeResult:
        """Return what the batch came to."""
        result, rings, sessions = self.result, self._rings, self._sessions
        result.counts.dead = len(result.dead)
        result.deltas = deltas_of(self._times)
        result.pair_changes = {pair: change for pair, change in self._pairs.items() if change}
        result.ledgers = {
            host: (rings[host], heard_ms * 1000, sessions.get(host, ()))
            for host, heard_ms in self._heard_ms.items()
        }
        return result
