"""Records and events for tests of the folds, and a run of the three folds in memory."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from processor.domain import historyrows, packing, totals
from processor.domain.components import Components
from processor.domain.config import FoldConfig
from processor.domain.decode import decode
from processor.domain.events import Event
from processor.domain.fingerprint import FINGERPRINT_BYTES
from processor.domain.history import NO_HISTORY, Change
from processor.domain.intake import IntakeCounts, IntakeResult, Void, fold
from processor.domain.ledger import EMPTY
from processor.domain.merge import fold_pairs
from processor.domain.names import Book
from processor.domain.partition import partition_of
from processor.domain.record import DeadLetter, Record, Taken
from processor.domain.stats import Stats, to_json
from processor.domain.taking_back import histories_without, rows_without
from schemas.history import parse_history_key
from tests.oracle import HistoryRows, PairCounts, StatsRows

if TYPE_CHECKING:
    from processor.domain.ledger import Row

__all__ = ["NOON", "FakeRecord", "Fleet", "Seen", "at", "decoded", "event", "record", "taken", "uuid_of"]

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FakeRecord:
    """A record as a consumer would give it."""

    topic: str = "outcome-events"
    partition: int = 0
    offset: int = 0
    timestamp: int = int(NOON.timestamp() * 1000)
    timestamp_type: int = 1
    key: bytes | None = None
    value: bytes | None = b""
    headers: Sequence[tuple[str, bytes]] = ()


def at(seconds: float) -> str:
    """Return the time so many seconds after noon, as publishers write it."""
    return (NOON + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def uuid_of(number: int) -> str:
    """Return an event id, a different one for each number."""
    return f"01900000-0000-7000-8000-{number:012x}"


def event(**fields: Any) -> dict[str, Any]:
    """Return a plain event with some fields of its own."""
    plain = {
        "component_id": "pkg:deb/debian/curl",
        "outcome_type": "install_failure",
        "timestamp": at(0),
        "context": "",
        "event_id": uuid_of(0),
        "host_id": "host-1",
    }
    return plain | fields


def record(fields: Any = None, **attributes: Any) -> FakeRecord:
    """Return a record of an event, or of any other JSON, with some attributes of its own."""
    value = orjson.dumps(event() if fields is None else fields)
    return FakeRecord(**({"value": value} | attributes))


def taken(record: Record) -> Taken:
    """Return a record as the decoder takes it over."""
    return Taken(record.offset, record.timestamp, record.key, record.value, record.headers)


class Seen(NamedTuple):
    """What a run was decoded to, event by event."""

    events: list[Event]
    dead: list[DeadLetter]
    ignored: int


def decoded(records: Iterable[Record], config: FoldConfig) -> Seen:
    """Decode a run, and return its columns as the events that they stand for."""
    book = Book()
    found = decode(records, config, book)
    events = [found.events.one(place, book) for place in range(len(found.events))]
    assert len(found) == len(events) + len(found.dead) + found.ignored
    assert all(len(each.fingerprint) in {0, FINGERPRINT_BYTES} for each in events)
    return Seen(events, found.dead, found.ignored)


class Fleet:
    """The three folds over all partitions, in memory: what a worker would have on its topics.

    Args:
        config: the folds' settings.
    """

    def __init__(self, config: FoldConfig) -> None:
        self.config = config
        self.hosts: defaultdict[int, dict[bytes, Row | bytes]] = defaultdict(dict)
        self.stats: dict[str, Stats] = {}
        self.states: dict[bytes, bytes] = {}
        self.history: dict[bytes, bytes] = {}
        self.totals: defaultdict[int, totals.Totals] = defaultdict(totals.Totals)
        self.pair_counts: dict[bytes, int] = {}
        self.tombstones: set[bytes] = set()
        self.counts = IntakeCounts()
        self.results: list[IntakeResult] = []

    def take(
        self,
        records: Sequence[FakeRecord],
        partition: int,
        void: Void | None = None,
        *,
        applies: bool = False,
    ) -> IntakeResult:
        """Fold one batch of one partition, and then the copies that it forwards."""
        result = fold(records, partition, self.hosts[partition], self.config, void=void, applies=applies)
        self.results.append(result)
        for host, row in result.ledgers.items():
            self.hosts[partition][host] = row
            if row is EMPTY:
                del self.hosts[partition][host]
        self.totals[partition] = totals.merge(self.totals[partition], result.totals)
        for deltas, spreads in ((result.deltas, result.spreads), *result.later):
            for _, value in packing.pack_deltas(deltas, spreads, 3, 200_000):
                self.take_deltas(packing.unpack_deltas(value))
        for _, value in packing.pack_taken_back(result.taken_back, 3, 200_000):
            self.take_back(packing.unpack_taken_back(value))
        for key, (_, count) in fold_pairs(result.pair_changes.items(), self.pair_counts.get).items():
            if count == 0:
                del self.pair_counts[key]
                self.tombstones.add(key)
            else:
                self.pair_counts[key] = count
        for name in IntakeCounts.__dataclass_fields__:
            setattr(self.counts, name, getattr(self.counts, name) + getattr(result.counts, name))
        for copy in result.forwards:
            self.take(
                [FakeRecord(partition=copy.partition, key=copy.key, value=copy.value, headers=copy.headers)],
                copy.partition,
            )
        return result

    def take_deltas(self, deltas: Iterable[packing.Delta]) -> None:
        """Merge what one record packs."""
        touched = Components(self.stats.get)
        touched.take(deltas)
        self.stats.update(touched.checked_rows())
        self._set_histories(touched.histories(self.states))

    def take_back(self, changes: Sequence[packing.Delta]) -> None:
        """Take back what one record says."""
        for component, row in rows_without(changes, self.stats.get).items():
            if row is None:
                self.stats.pop(component, None)
            else:
                self.stats[component] = row
        self._set_histories(histories_without(changes, self.states))

    def _set_histories(self, histories: Iterable[tuple[str, bytes, Change]]) -> None:
        for component, key, (state, days) in histories:
            if state == NO_HISTORY:
                self.states.pop(key, None)
            else:
                self.states[key] = state
            for number, day in days:
                row_key = historyrows.row_key(component, number)
                if day is None:
                    del self.history[row_key]
                else:
                    self.history[row_key] = historyrows.to_json(component, day)

    def take_events(self, events: Iterable[dict[str, Any]], cuts: Sequence[int] = ()) -> None:
        """Publish events in this order, each to its host's partition, and fold them cut at these places."""
        placed = [
            (partition_of(each["host_id"].encode(), self.config.partitions), record(each)) for each in events
        ]
        bounds = [0, *sorted(cuts), len(placed)]
        for first, end in pairwise(bounds):
            for partition in range(self.config.partitions):
                batch = [each for home, each in placed[first:end] if home == partition]
                if batch:
                    self.take(batch, partition)

    def rows(self) -> tuple[StatsRows, PairCounts]:
        """Return the rows in the oracle's form."""
        rows = {component: orjson.loads(to_json(component, row)) for component, row in self.stats.items()}
        pairs = {tuple(orjson.loads(key)): count for key, count in self.pair_counts.items()}
        return rows, pairs

    def history_rows(self) -> HistoryRows:
        """Return the rows of `component-history` in the oracle's form."""
        return {parse_history_key(key): orjson.loads(value) for key, value in self.history.items()}

    def total_rows(self) -> dict[int, dict[str, int]]:
        """Return the rows of `fleet-totals` in the oracle's form."""
        return {
            partition: orjson.loads(totals.to_json(partition, row))
            for partition, row in self.totals.items()
            if row != totals.NONE
        }
