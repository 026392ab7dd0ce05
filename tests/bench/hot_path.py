"""CPU time of the hot path step by step, without a broker: `python -m tests.bench.hot_path [EVENTS]`.

The bytes that a broker would send are made in memory; each step then runs as the worker runs it, batch by
batch, beside the ceiling's work on the same bytes. What is left out: sockets, the event loop, Faust.
"""

import gc
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import orjson
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from processor.agents import Agents
from processor.domain.partition import partition_of
from processor.engine.batch import Batch
from processor.engine.lean_fetch import Run, unpack
from processor.engine.transaction import Transaction
from processor.settings import Settings
from processor.tables import Tables
from schemas.topics import CO_FAILURES, COMPONENT_DELTAS, COMPONENT_STATS, HOST_LEDGER, OUTCOME_EVENTS
from schemas.topics import PAIR_DELTAS
from tests.bench.events import generate

PARTITIONS = 4
BATCH_BYTES = 500_000
FETCH_BYTES = 16_777_216
RECORD_BYTES = 1_000_000
SEED = 20_260_101
T = TypeVar("T")


class Table:
    """A table whose partitions are all owned."""

    def __init__(self, name: str) -> None:
        self.changelog = name
        self._rows: defaultdict[int, dict[bytes, Any]] = defaultdict(dict)

    def partition(self, number: int) -> dict[bytes, Any]:
        return self._rows[number]


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


def records_of(source: TopicPartition, fetched: bytes) -> Run:
    part = PartitionRecords(source, MemoryRecords(fetched), [], 0, None, None, True, READ_COMMITTED)  # noqa: FBT003 -- its signature
    pieces, end_offset = unpack(part)
    pieces[0] = list(pieces[0])
    return Run(pieces, end_offset)


def ceiling(source: TopicPartition, fetched: bytes) -> int:
    """What the ceiling does with the bytes: aiokafka's own records, and `orjson.loads`."""
    part = PartitionRecords(source, MemoryRecords(fetched), [], 0, None, None, True, READ_COMMITTED)  # noqa: FBT003 -- its signature
    records = list(part)
    for record in records:
        orjson.loads(record.value)
    return len(records)


def pack(transaction: Transaction) -> list[tuple[TopicPartition, Any]]:
    """Build the record batches as the producer does."""
    built = []
    for target, outputs in transaction.outputs.items():
        builder = BatchBuilder(RECORD_BYTES, 0, is_transactional=True)
        for key, value, headers in outputs:
            if (
                builder.append(timestamp=transaction.timestamp_ms, key=key, value=value, headers=headers)
                is None
            ):
                builder.close()
                built.append((target, builder._build()))
                builder = BatchBuilder(RECORD_BYTES, 0, is_transactional=True)
                builder.append(timestamp=transaction.timestamp_ms, key=key, value=value, headers=headers)
        builder.close()
        built.append((target, builder._build()))
    return built


def main(events: int) -> None:
    """Run the path and print each step's share."""
    agents = Agents(
        Settings(),
        cast(
            "Tables",
            SimpleNamespace(
                host_ledger=Table(HOST_LEDGER),
                component_stats=Table(COMPONENT_STATS),
                co_failures=Table(CO_FAILURES),
            ),
        ),
    )
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 50, 1000)
    clock, seen = Clock(), 0
    deltas: dict[TopicPartition, list[Any]] = defaultdict(list)
    offsets: dict[TopicPartition, int] = defaultdict(int)

    def step(
        name: str, fold: Callable[[Batch, Transaction], None], source: TopicPartition, fetched: bytes
    ) -> None:
        records = clock.time(f"{name}: records", lambda: records_of(source, fetched))
        transaction = Transaction(source, 0)
        batch = Batch(source, records, 0, 0, 0, 0)
        clock.time(f"{name}: fold", lambda: fold(batch, transaction))
        for target, built in clock.time(f"{name}: pack", lambda: pack(transaction)):
            if target.topic in {COMPONENT_DELTAS, PAIR_DELTAS}:
                deltas[target].append(bytes(built))

    for number, (partition, fetched, count) in enumerate(fetches(events), 1):
        source = TopicPartition(OUTCOME_EVENTS, partition)
        clock.time("ceiling", lambda: ceiling(source, fetched))
        step("intake", agents.intake, source, fetched)
        seen += count
        if number == PARTITIONS:  # every host is known from here on, and most components
            clock.spent_ns.clear()
            seen = 0
        if number % PARTITIONS == 0:
            for source, parts in deltas.items():
                name = "components" if source.topic == COMPONENT_DELTAS else "pairs"
                run = (number.to_bytes(8, "big") + part[8:] for number, part in enumerate(parts))
                step(name, getattr(agents, name), source, b"".join(run))
            deltas.clear()
    total = sum(ns for name, ns in clock.spent_ns.items() if name != "ceiling")
    for name, ns in clock.spent_ns.items():
        print(f"{name:22} {ns / seen:7.0f} ns an event")
    print(
        f"{'all but the ceiling':22} {total / seen:7.0f} ns an event: {clock.spent_ns['ceiling'] / total:.2f} of the ceiling ({seen:,} events)"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
