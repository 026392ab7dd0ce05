"""CPU time of the hot path by step, without a broker: `python -m tests.bench.hot_path [EVENTS [ROUNDS]]`.

The bytes that a broker would send are made in memory; each step then runs as the worker runs it, batch by
batch, beside the ceiling's work on the same bytes. With more rounds than one, each begins with the same
tables, and the least of each step is told: what others took from a round does not show. What is left out:
sockets, the event loop, Faust.
"""

import gc
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar, cast

import orjson
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from processor.agents import Agents
from processor.domain.partition import partition_of
from processor.engine.batch import Batch
from processor.engine.transaction import Transaction
from processor.lean_fetch import Run, unpack
from processor.settings import Settings
from schemas.topics import (
    CO_FAILURES,
    COMPONENT_DELTAS,
    COMPONENT_HISTORY,
    COMPONENT_STATS,
    FLEET_TOTALS,
    HOST_LEDGER,
    OUTCOME_EVENTS,
    PAIR_DELTAS,
)
from tests.bench.events import generate

if TYPE_CHECKING:
    from processor.tables import Tables

PARTITIONS = 4
BATCH_BYTES = 500_000
FETCH_BYTES = 16_777_216
RECORD_BYTES = 1_000_000
SEED = 20_260_101
T = TypeVar("T")


class Table:
    """A table whose partitions are all owned."""

    def __init__(self, name: str) -> None:
        self.name = self.changelog = name
        self._rows: defaultdict[int, dict[bytes, Any]] = defaultdict(dict)

    def partition(self, number: int) -> dict[bytes, Any]:
        return self._rows[number]

    def rows(self) -> dict[int, dict[bytes, Any]]:
        """Return a copy of all rows, to begin with again."""
        return {number: dict(rows) for number, rows in self._rows.items()}

    def begin_with(self, rows: dict[int, dict[bytes, Any]]) -> None:
        self._rows = defaultdict(dict, {number: dict(part) for number, part in rows.items()})


class Clock:
    """Adds up CPU time by step."""

    def __init__(self) -> None:
        self.spent_ns: defaultdict[str, int] = defaultdict(int)

    def time(self, step: str, work: Callable[[], T]) -> T:
        begin_ns = time.process_time_ns()
        result = work()
        self.spent_ns[step] += time.process_time_ns() - begin_ns
        return result


def new_builder() -> BatchBuilder:
    return BatchBuilder(BATCH_BYTES, 0, is_transactional=False)


def fetches(events: int) -> Iterator[tuple[int, bytes, int]]:
    """Yield partition, the bytes of one fetch and the number of its records, a partition after the other."""
    builders = [new_builder() for _ in range(PARTITIONS)]
    buffers, counts = [bytearray() for _ in builders], [0] * PARTITIONS

    def flush(number: int) -> None:
        buffers[number] += counts[number].to_bytes(8, "big") + builders[number]._build()[8:]
        counts[number] += builders[number].record_count()
        builders[number] = new_builder()

    for key, value in generate(events, seed=SEED):
        number = partition_of(key, PARTITIONS)
        now_ms = time.time_ns() // 1_000_000
        if builders[number].append(key=key, value=value, timestamp=now_ms) is None:
            flush(number)
            builders[number].append(key=key, value=value, timestamp=now_ms)
            if len(buffers[number]) + BATCH_BYTES > FETCH_BYTES:
                yield number, bytes(buffers[number]), counts[number]
                buffers[number], counts[number] = bytearray(), 0


def part_of(source: TopicPartition, fetched: bytes) -> PartitionRecords:
    return PartitionRecords(source, MemoryRecords(fetched), [], 0, None, None, True, READ_COMMITTED)  # noqa: FBT003 -- its signature


def run_of(source: TopicPartition, fetched: bytes) -> Run:
    """What the worker's own fetch makes of the bytes."""
    pieces, end_offset = unpack(part_of(source, fetched))
    pieces[0] = list(pieces[0])
    return Run(pieces, end_offset)


def ceiling(source: TopicPartition, fetched: bytes) -> None:
    """What the ceiling does with the bytes: aiokafka's own records, and `orjson.loads`."""
    for record in list(part_of(source, fetched)):
        orjson.loads(record.value)


def pack(transaction: Transaction) -> list[tuple[TopicPartition, bytes]]:
    """Build the record batches, as the producer does."""
    built = []
    for target, outputs in transaction.outputs.items():
        builders = [BatchBuilder(RECORD_BYTES, 0, is_transactional=True)]
        for key, value, headers, timestamp_ms in outputs:
            record = {"timestamp": timestamp_ms, "key": key, "value": value, "headers": headers}
            if builders[-1].append(**record) is None:
                builders.append(BatchBuilder(RECORD_BYTES, 0, is_transactional=True))
                builders[-1].append(**record)
        built += [(target, bytes(builder._build())) for builder in builders]
    return built


class HotPath:
    """The three agents over tables in memory, each step timed."""

    def __init__(self) -> None:
        names = {
            "host_ledger": HOST_LEDGER,
            "fleet_totals": FLEET_TOTALS,
            "component_stats": COMPONENT_STATS,
            "component_history": COMPONENT_HISTORY,
            "co_failures": CO_FAILURES,
        }
        tables = {attribute: Table(name) for attribute, name in names.items()}
        self.tables = list(tables.values())
        self._agents = Agents(Settings(), cast("Tables", SimpleNamespace(**tables)))
        self._sent: defaultdict[TopicPartition, list[bytes]] = defaultdict(list)
        self.clock = Clock()

    def intake(self, source: TopicPartition, fetched: bytes) -> None:
        """Fold one fetch of events."""
        self._step("intake", self._agents.intake, source, fetched)

    def later_folds(self) -> None:
        """Fold what intake has sent since."""
        sent, self._sent = self._sent, defaultdict(list)
        for source, batches in sent.items():
            fetched = b"".join(number.to_bytes(8, "big") + part[8:] for number, part in enumerate(batches))
            is_deltas = source.topic == COMPONENT_DELTAS
            fold = self._agents.components if is_deltas else self._agents.pairs
            self._step("components" if is_deltas else "pairs", fold, source, fetched)

    def _step(
        self, name: str, fold: Callable[[Batch, Transaction], None], source: TopicPartition, fetched: bytes
    ) -> None:
        run = self.clock.time(f"{name}: fetched bytes", lambda: run_of(source, fetched))
        batch, transaction = Batch(source, run, 0, 0, 0, 0), Transaction(source, 0)
        self.clock.time(f"{name}: fold", lambda: fold(batch, transaction))
        for target, built in self.clock.time(f"{name}: pack", lambda: pack(transaction)):
            if target.topic in {COMPONENT_DELTAS, PAIR_DELTAS}:
                self._sent[target].append(built)


def run(path: HotPath, batches: list[tuple[int, bytes, int]]) -> None:
    """Fold batches, the later folds after as many as there are partitions."""
    for number, (partition, fetched, _) in enumerate(batches, 1):
        source = TopicPartition(OUTCOME_EVENTS, partition)
        path.clock.time("ceiling", partial(ceiling, source, fetched))
        path.intake(source, fetched)
        if number % PARTITIONS == 0:
            path.later_folds()


def main(events: int, rounds: int) -> None:
    """Run the path and print each step's share."""
    batches = list(fetches(events))
    first, rest = batches[:PARTITIONS], batches[PARTITIONS:]
    if len(rest) < PARTITIONS:
        sys.exit("too few events to measure anything: at least 600,000 are needed")
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 50, 1000)  # as the worker does
    path = HotPath()
    run(path, first)  # every host is known from here on, and most components
    known = [table.rows() for table in path.tables]
    spent_ns: dict[str, int] = {}
    for _ in range(rounds):
        for table, rows in zip(path.tables, known, strict=True):
            table.begin_with(rows)
        path.clock.spent_ns.clear()
        run(path, rest)
        path.later_folds()
        for step, ns in path.clock.spent_ns.items():
            spent_ns[step] = min(ns, spent_ns.get(step, ns))
    seen = sum(count for *_, count in rest)
    ceiling_ns = spent_ns.pop("ceiling")
    lines = {"the ceiling": ceiling_ns, **spent_ns, "all but the ceiling": sum(spent_ns.values())}
    for name, ns in lines.items():
        print(f"{name:26} {ns / seen:6.0f} ns an event, {ns / ceiling_ns:5.2f} ceilings")  # noqa: T201 -- the answer


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:]]
    main(*(numbers + [1_000_000, 1][len(numbers) :]))
