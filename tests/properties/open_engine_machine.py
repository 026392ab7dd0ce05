"""The engine's rules against a model: fetch, fold, commit, crash, freeze, rebalance, recover, in any order.

The broker is a model: logs of records, what is committed, and for each partition whose producer was started
last; a commit of another is refused. The workers use the engine's own Ownership, Membership, Batch and
Transaction. The law: what is committed of a partition is its log up to the checkpoint, each record once, in
order; and in the end all of it.

NOT YET SETTLED, and so not collected with the other tests (issue 4): after freezes and a rebalance, the last
step (thaw, restore and fold all) does not fold everything; whether model or engine is wrong is not known yet.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from aiokafka import TopicPartition
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from processor.engine.batch import Batch, FetchedRecord
from processor.engine.checkpoints import checkpoint_key, decode
from processor.engine.ownership import Membership, Ownership, Plan
from processor.engine.table import Rows
from processor.engine.transaction import Output, Transaction

SOURCES = [TopicPartition("words", number) for number in range(3)]
WORKERS = 3
ALL = b"all"


@dataclass(frozen=True)
class Record:
    """A record of the model's logs."""

    offset: int
    value: bytes
    timestamp: int = 0
    timestamp_type: int = 0
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass
class Table:
    """As much of a table as a transaction needs."""

    changelog: str = "table"
    partitions: dict[int, Rows] = field(default_factory=dict)

    def partition(self, number: int) -> Rows:
        return self.partitions[number]


class Worker:
    """One process: what it knows, what it has fetched, which commits are in flight."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ownership = Ownership()
        self.table = Table()
        self.fetched: list[Batch] = []
        self.commits: dict[TopicPartition, Transaction] = {}
        self.producers: dict[TopicPartition, object] = {}
        self.plan: Plan | None = None  # of an assignment that is not yet restored
        self.frozen = False

    def fold(self, batch: Batch) -> None:
        if not self.ownership.take(batch):
            return
        transaction = Transaction(batch.source, batch.next_offset)
        words = tuple(record.value or b"" for record in batch.records)
        row = (*self.table.partition(batch.partition).get(ALL, ()), *words)
        transaction.put(self.table, ALL, row, b" ".join(row))  # type: ignore[arg-type] # as much as it needs
        for word in words:
            transaction.send("echo", batch.partition, None, word)
        transaction.add_checkpoint("checkpoints")
        self.commits[batch.source] = transaction


class EngineMachine(RuleBasedStateMachine):
    """Hypothesis chooses what happens next."""

    def __init__(self) -> None:
        super().__init__()
        self.logs: dict[TopicPartition, list[bytes]] = {source: [] for source in SOURCES}
        self.committed: defaultdict[TopicPartition, list[Output]] = defaultdict(list)
        self.fences: dict[TopicPartition, object] = {}
        self.generation = 0
        self.processes = 0
        self.workers: list[Worker] = []

    @initialize()
    def start(self) -> None:
        self.workers = [self.process() for _ in range(WORKERS)]
        self.assign([0] * len(SOURCES), frozenset())

    def process(self) -> Worker:
        self.processes += 1
        return Worker(f"member-{self.processes}")

    def newest(self, topic: str, source: TopicPartition) -> dict[bytes | None, bytes]:
        """A compacted topic's rows in one partition."""
        outputs = self.committed[TopicPartition(topic, source.partition)]
        return {key: value for key, value, _ in outputs if value is not None}

    def checkpoint(self, source: TopicPartition) -> int:
        value = self.newest("checkpoints", source).get(checkpoint_key(source))
        return 0 if value is None else int(str(decode(value)["offset"]))

    def finish(self, worker: Worker, source: TopicPartition) -> None:
        """Let the broker decide on a commit: the last one to start the partition's producer may."""
        transaction = worker.commits.pop(source)
        if worker.producers.get(source) is not self.fences[source]:
            self.crash(worker)
            return
        for target, outputs in transaction.outputs.items():
            self.committed[target] += outputs
        worker.ownership.busy.discard(source)

    def crash(self, worker: Worker) -> None:
        """A process ends with what it had in hand; another one starts, in no group yet."""
        self.workers[self.workers.index(worker)] = self.process()

    # Load

    @rule(source=st.sampled_from(SOURCES), count=st.integers(1, 4))
    def publish(self, source: TopicPartition, count: int) -> None:
        log = self.logs[source]
        log += [b"%d" % (len(log) + number) for number in range(count)]

    @rule(number=st.integers(0, WORKERS - 1), source=st.sampled_from(SOURCES), count=st.integers(1, 5))
    def fetch(self, number: int, source: TopicPartition, count: int) -> None:
        worker = self.workers[number]
        if worker.frozen or source not in worker.ownership.idle():
            return
        begin = worker.ownership.positions[source]
        values = self.logs[source][begin : begin + count]
        if values:
            worker.ownership.busy.add(source)
            records: list[FetchedRecord] = [
                Record(offset=begin + at, value=value) for at, value in enumerate(values)
            ]
            end = begin + len(values)
            worker.fetched.append(Batch(source, records, begin, end, worker.ownership.epoch))

    @rule(number=st.integers(0, WORKERS - 1))
    def fold(self, number: int) -> None:
        worker = self.workers[number]
        if worker.fetched and not worker.frozen:
            worker.fold(worker.fetched.pop(0))

    @rule(number=st.integers(0, WORKERS - 1), data=st.data())
    def commit(self, number: int, data: st.DataObject) -> None:
        worker = self.workers[number]
        if worker.commits and not worker.frozen:
            self.finish(worker, data.draw(st.sampled_from(sorted(worker.commits))))

    # Faults

    @rule(number=st.integers(0, WORKERS - 1))
    def kill(self, number: int) -> None:
        self.crash(self.workers[number])

    @rule(number=st.integers(0, WORKERS - 1), data=st.data())
    def late_commit_of_a_dead_worker(self, number: int, data: st.DataObject) -> None:
        """The last request of a process was on its way when it died."""
        worker = self.workers[number]
        if worker.commits:
            self.finish(worker, data.draw(st.sampled_from(sorted(worker.commits))))
            if worker in self.workers:
                self.crash(worker)

    @rule(number=st.integers(0, WORKERS - 1))
    def freeze_or_thaw(self, number: int) -> None:
        worker = self.workers[number]
        worker.frozen = not worker.frozen

    # Rebalancing

    @rule(
        owners=st.lists(st.integers(0, WORKERS - 1), min_size=len(SOURCES), max_size=len(SOURCES)),
        absent=st.frozensets(st.integers(0, WORKERS - 1), max_size=1),
    )
    def rebalance(self, owners: list[int], absent: frozenset[int]) -> None:
        """A generation; a frozen or absent worker misses it, and keeps what it believes."""
        self.assign(owners, absent)

    def assign(self, owners: list[int], absent: frozenset[int]) -> None:
        present = [
            number for number, worker in enumerate(self.workers) if number not in absent and not worker.frozen
        ]
        for number in list(present):
            worker = self.workers[number]
            worker.ownership.revoke()
            for source in list(worker.commits):
                if worker.commits:
                    self.finish(worker, source)
            if worker is not self.workers[number]:  # it was fenced, and ended
                present.remove(number)
        if not present:
            return
        self.generation += 1
        for number in present:
            worker = self.workers[number]
            assigned = [
                source
                for source, owner in zip(SOURCES, owners, strict=True)
                if present[owner % len(present)] == number
            ]
            worker.plan = worker.ownership.plan(assigned, Membership(worker.name, self.generation))
            for source in set(worker.producers) - worker.plan.kept | worker.plan.lost:
                worker.table.partitions.pop(source.partition, None)
                worker.producers.pop(source, None)
            worker.ownership.drop(worker.plan.lost)

    @precondition(lambda self: any(worker.plan for worker in self.workers))
    @rule(data=st.data())
    def recover(self, data: st.DataObject) -> None:
        """Fence, read state and checkpoint, go on; a rebalance may have come before this."""
        waiting = [worker for worker in self.workers if worker.plan and not worker.frozen]
        if waiting:
            self.restore(data.draw(st.sampled_from(waiting)))

    @rule(number=st.integers(0, WORKERS - 1))
    def fence_only(self, number: int) -> None:
        """A recovery that gets no further than its producers."""
        worker = self.workers[number]
        if worker.plan and not worker.frozen:
            self.fence(worker, worker.plan)

    def fence(self, worker: Worker, plan: Plan) -> None:
        for source in plan.new:
            worker.producers[source] = self.fences[source] = object()

    def restore(self, worker: Worker) -> None:
        plan, worker.plan = worker.plan, None
        assert plan is not None
        self.fence(worker, plan)
        for source in plan.new:
            value = self.newest("table", source).get(ALL)
            rows: Rows = {} if value is None else {ALL: tuple(value.split())}
            worker.table.partitions[source.partition] = rows
        worker.ownership.adopt({source: self.checkpoint(source) for source in plan.new})
        worker.ownership.resume()

    # The law

    @invariant()
    def each_record_is_committed_once_and_in_order(self) -> None:
        for source in SOURCES:
            counted = self.logs[source][: self.checkpoint(source)]
            assert self.newest("table", source).get(ALL, b"").split() == counted
            echo = self.committed[TopicPartition("echo", source.partition)]
            assert [value for _, value, _ in echo] == counted

    def teardown(self) -> None:
        """With no more faults, all is folded."""
        if not self.workers:
            return
        for worker in self.workers:
            worker.frozen = False
        for _ in range(2):  # a zombie may end in the first
            self.assign([0, 1, 2], frozenset())
        for worker in self.workers:
            if worker.plan:
                self.restore(worker)
            for source in worker.ownership.idle():
                begin, log = worker.ownership.positions[source], self.logs[source]
                records: list[FetchedRecord] = [
                    Record(offset=at, value=log[at]) for at in range(begin, len(log))
                ]
                if records:
                    worker.fold(Batch(source, records, begin, len(log), worker.ownership.epoch))
                    self.finish(worker, source)
        self.each_record_is_committed_once_and_in_order()
        assert {source: self.checkpoint(source) for source in SOURCES} == {
            source: len(log) for source, log in self.logs.items()
        }


class TestEngineMachine(EngineMachine.TestCase):  # type: ignore[valid-type, misc] # made by Hypothesis
    """S8, S9, S10, S15: no order of faults counts a record twice or not at all."""

    settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
