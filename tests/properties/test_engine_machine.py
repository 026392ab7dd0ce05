"""The engine's rules against a model: fetch, fold, commit, crash, freeze, rebalance, recover, in any order.

The broker is a model: logs of records, what is committed, for each transactional id whose producer was
started last (a commit of another is refused), and the group's claims, taken only in the generation that they
are made in. The workers use the engine's own Ownership, Membership, Batch, Transaction and names. The law:
what is committed of a partition is its log up to the checkpoint, each record once, in order; and in the end
all of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pytest
from aiokafka import TopicPartition
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from processor.engine.batch import Batch, FetchedRecord
from processor.engine.checkpoints import checkpoint_key, decode
from processor.engine.claims import claim_name
from processor.engine.errors import EngineError
from processor.engine.ownership import Membership, Ownership, Plan
from processor.engine.table import Rows
from processor.engine.transaction import Joint, Output, Transaction

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


def make_batch(source: TopicPartition, values: list[bytes], begin: int, epoch: int) -> Batch:
    """A fetched run of a partition's log."""
    records: list[FetchedRecord] = [Record(offset=begin + at, value=value) for at, value in enumerate(values)]
    return Batch(source, records, begin, begin + len(values), epoch, 0)


class Worker:
    """One process: what it knows, what it has fetched, which commits are in flight."""

    def __init__(self, name: str, ownership: Ownership) -> None:
        self.name = name
        self.ownership = ownership
        self.table = Table()
        self.fetched: list[Batch] = []
        self.commits: dict[TopicPartition, Joint] = {}
        self.holder = ""
        self.producer: object = None
        self.take_over: Iterator[None] | None = None  # of an assignment, what is left to do
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
        joint = Joint.of([transaction])
        joint.add_checkpoints("checkpoints")
        self.commits[batch.source] = joint


class EngineMachine(RuleBasedStateMachine):
    """Hypothesis chooses what happens next."""

    rules_of_ownership: type[Ownership] = Ownership

    def __init__(self) -> None:
        super().__init__()
        self.logs: dict[TopicPartition, list[bytes]] = {source: [] for source in SOURCES}
        self.committed: defaultdict[TopicPartition, list[Output]] = defaultdict(list)
        self.producers: dict[str, object] = {}  # by transactional id, the one that was started last
        self.claims: dict[TopicPartition, str] = {}  # by source, the transactional id that commits for it
        self.generation = 0
        self.processes = 0
        self.workers: list[Worker] = []

    @initialize()
    def start(self) -> None:
        self.workers = [self.process() for _ in range(WORKERS)]
        self.rebalance(list(range(len(SOURCES))), frozenset(), frozenset(range(WORKERS)))
        for source in SOURCES:
            self.publish(source, 9)

    def process(self) -> Worker:
        self.processes += 1
        return Worker(f"member-{self.processes}", self.rules_of_ownership())

    def newest(self, topic: str, source: TopicPartition) -> dict[bytes | None, bytes]:
        """A compacted topic's rows in one partition."""
        outputs = self.committed[TopicPartition(topic, source.partition)]
        return {key: value for key, value, *_ in outputs if value is not None}

    def checkpoint(self, source: TopicPartition) -> int:
        value = self.newest("checkpoints", source).get(checkpoint_key(source))
        return 0 if value is None else int(str(decode(value)["offset"]))

    def finish(self, worker: Worker, source: TopicPartition) -> None:
        """Let the broker decide on a commit: the last one to start a producer of its name may."""
        transaction = worker.commits.pop(source)
        if self.is_fenced(worker):
            self.crash(worker)
            return
        self.claims[source] = worker.holder
        for target, outputs in transaction.outputs.items():
            self.committed[target] += outputs
        worker.ownership.busy.discard(source)

    def is_fenced(self, worker: Worker) -> bool:
        return self.producers.get(worker.holder) is not worker.producer

    def crash(self, worker: Worker) -> None:
        """A process ends with what it had in hand; another one starts, in no group yet."""
        if worker in self.workers:  # else it is dead already, and this was its last request
            self.workers[self.workers.index(worker)] = self.process()

    # Load

    @rule(source=st.sampled_from(SOURCES), count=st.integers(1, 4))
    def publish(self, source: TopicPartition, count: int) -> None:
        log = self.logs[source]
        log += [b"%d" % (len(log) + number) for number in range(count)]

    @precondition(lambda self: self.fetchable())
    @rule(data=st.data(), count=st.integers(1, 5), steps=st.integers(1, 3))
    def work(self, data: st.DataObject, count: int, steps: int) -> None:
        """A worker fetches, and may get as far as folding and committing before anything else happens."""
        worker, source = data.draw(st.sampled_from(self.fetchable()))
        begin = worker.ownership.positions[source]
        values = self.logs[source][begin : begin + count]
        worker.ownership.busy.add(source)
        worker.fetched.append(make_batch(source, values, begin, worker.ownership.epoch))
        while steps > 1 and worker.fetched:
            worker.fold(worker.fetched.pop(0))
        if steps > 2 and source in worker.commits:
            self.finish(worker, source)

    def fetchable(self) -> list[tuple[Worker, TopicPartition]]:
        return [
            (worker, source)
            for worker in self.awake()
            for source in worker.ownership.idle()
            if worker.ownership.positions[source] < len(self.logs[source])
        ]

    @precondition(lambda self: any(worker.fetched for worker in self.awake()))
    @rule(data=st.data())
    def fold(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from([each for each in self.awake() if each.fetched]))
        worker.fold(worker.fetched.pop(0))

    @precondition(lambda self: any(worker.commits for worker in self.awake()))
    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        pairs = [(worker, source) for worker in self.awake() for source in sorted(worker.commits)]
        self.finish(*data.draw(st.sampled_from(pairs)))

    def awake(self) -> list[Worker]:
        return [worker for worker in self.workers if not worker.frozen]

    # Faults

    @rule(number=st.integers(0, WORKERS - 1))
    def kill(self, number: int) -> None:
        self.crash(self.workers[number])

    @precondition(lambda self: any(worker.commits for worker in self.workers))
    @rule(data=st.data())
    def late_commit_of_a_dead_worker(self, data: st.DataObject) -> None:
        """The last request of a process was on its way when it died."""
        worker = data.draw(st.sampled_from([each for each in self.workers if each.commits]))
        self.finish(worker, data.draw(st.sampled_from(sorted(worker.commits))))
        self.crash(worker)

    @precondition(lambda self: len(self.awake()) == WORKERS)
    @rule(number=st.integers(0, WORKERS - 1))
    def freeze(self, number: int) -> None:
        self.workers[number].frozen = True

    @precondition(lambda self: len(self.awake()) < WORKERS)
    @rule()
    def thaw(self) -> None:
        for worker in self.workers:
            worker.frozen = False

    # Rebalancing

    @rule(
        owners=st.lists(st.integers(0, WORKERS - 1), min_size=len(SOURCES), max_size=len(SOURCES)),
        absent=st.frozensets(st.integers(0, WORKERS - 1), max_size=1),
        restored=st.frozensets(st.integers(0, WORKERS - 1)),
    )
    def rebalance(self, owners: list[int], absent: frozenset[int], restored: frozenset[int]) -> None:
        """A generation; a frozen or absent worker misses it, and keeps what it believes."""
        self.assign(owners, absent)
        for number in restored:
            if not self.workers[number].frozen:
                self.finish_taking_over(self.workers[number])

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
            membership = Membership(worker.name, self.generation)
            plan = worker.ownership.plan(assigned, membership)
            for source in plan.lost | plan.new:
                worker.table.partitions.pop(source.partition, None)
            worker.ownership.drop(plan.lost)
            worker.take_over = self.taking_over(worker, plan, membership)

    @precondition(lambda self: any(worker.take_over for worker in self.awake()))
    @rule(data=st.data(), steps=st.integers(1, 9))
    def recover(self, data: st.DataObject, steps: int) -> None:
        """Get on with a take-over, to its end or not; a rebalance may come before the next step."""
        worker = data.draw(st.sampled_from([each for each in self.awake() if each.take_over]))
        for _ in range(steps):
            self.get_on(worker)

    def get_on(self, worker: Worker) -> bool:
        """Take one step of a take-over; return whether there was one."""
        if worker.take_over is None or next(worker.take_over, self) is self:
            worker.take_over = None
        return worker.take_over is not None

    def finish_taking_over(self, worker: Worker) -> None:
        while self.get_on(worker):
            pass

    def taking_over(self, worker: Worker, plan: Plan, membership: Membership) -> Iterator[None]:
        """Name, fence, restore, claim, go on: as `Engine.take_over`, and anything may happen between."""
        wanted = plan.kept | plan.new
        if wanted:
            worker.holder = claim_name("group", membership.generation, wanted)
            worker.producer = self.producers[worker.holder] = object()
            yield
            holders = {self.claims[source] for source in plan.new if source in self.claims} - {worker.holder}
            yield
            for holder in self.whom_to_fence(sorted(holders)):
                self.producers[holder] = object()
                yield
            for source in plan.new:
                value = self.newest("table", source).get(ALL)
                rows: Rows = {} if value is None else {ALL: tuple(value.split())}
                worker.table.partitions[source.partition] = rows
            worker.ownership.adopt({source: self.checkpoint(source) for source in plan.new})
            yield
            if not self.may_claim(membership):
                return
            self.claims |= dict.fromkeys(self.whom_to_claim(plan), worker.holder)
            yield
        worker.ownership.resume()

    def whom_to_fence(self, holders: list[str]) -> list[str]:
        return holders

    def may_claim(self, membership: Membership) -> bool:
        """The coordinator's rule: no member of an earlier generation."""
        return membership.generation == self.generation

    def whom_to_claim(self, plan: Plan) -> Iterable[TopicPartition]:
        return plan.kept | plan.new

    def fold_all(self, worker: Worker) -> None:
        """Fold and commit what is left of a worker's partitions, unless it is fenced and ends."""
        for source in worker.ownership.idle():
            begin = worker.ownership.positions[source]
            values = self.logs[source][begin:]
            if values and worker in self.workers:
                worker.fold(make_batch(source, values, begin, worker.ownership.epoch))
                self.finish(worker, source)

    # The law

    @invariant()
    def each_record_is_committed_once_and_in_order(self) -> None:
        for source in SOURCES:
            counted = self.logs[source][: self.checkpoint(source)]
            assert self.newest("table", source).get(ALL, b"").split() == counted
            echo = self.committed[TopicPartition("echo", source.partition)]
            assert [value for _, value, *_ in echo] == counted

    def teardown(self) -> None:
        """With no more faults, all is folded."""
        if not self.workers:
            return
        for worker in self.workers:
            worker.frozen = False
        # Who was fenced without knowing it keeps its partitions over a rebalance, ends with its next commit
        # and starts anew: the next round gives them out again.
        for _ in range(1 + WORKERS):
            self.assign([0, 1, 2], frozenset())
            for worker in list(self.workers):
                self.finish_taking_over(worker)
                self.fold_all(worker)
        self.each_record_is_committed_once_and_in_order()
        assert {source: self.checkpoint(source) for source in SOURCES} == {
            source: len(log) for source, log in self.logs.items()
        }


class TestEngineMachine(EngineMachine.TestCase):  # type: ignore[valid-type, misc] # made by Hypothesis
    """S8, S9, S10, S15: no order of faults counts a record twice or not at all."""

    settings = settings(max_examples=300, stateful_step_count=60)


class FoldsOldEpochs(Ownership):
    """Folds what was fetched before a revocation, wherever it begins."""

    def take(self, batch: Batch) -> bool:
        if batch.source in self.positions:
            self.positions[batch.source] = batch.next_offset
        return batch.source in self.positions


class GoesOnFromWhatItFolded(Ownership):
    """Keeps its position where the state was restored from the checkpoint."""

    def drop(self, partitions: Iterable[TopicPartition]) -> None:
        self.dropped = {each: self.positions[each] for each in partitions}
        super().drop(partitions)

    def adopt(self, positions: dict[TopicPartition, int]) -> None:
        super().adopt(positions | {each: at for each, at in self.dropped.items() if each in positions})


class FoldingOldEpochs(EngineMachine):
    rules_of_ownership = FoldsOldEpochs


class GoingOnFromWhatWasFolded(EngineMachine):
    rules_of_ownership = GoesOnFromWhatItFolded


class WithoutAFence(EngineMachine):
    def whom_to_fence(self, holders: list[str]) -> list[str]:  # noqa: ARG002 -- this is what is broken
        return []


class ClaimingTooLate(EngineMachine):
    def may_claim(self, membership: Membership) -> bool:  # noqa: ARG002 -- this is what is broken
        return True


class ClaimingNothing(EngineMachine):
    def whom_to_claim(self, plan: Plan) -> Iterable[TopicPartition]:  # noqa: ARG002 -- this is what is broken
        return ()


BROKEN = [FoldingOldEpochs, GoingOnFromWhatWasFolded, WithoutAFence, ClaimingNothing]


@pytest.mark.parametrize("broken", BROKEN)
def test_the_machine_finds_a_broken_rule(broken: type[EngineMachine]) -> None:
    """The state machine can fail: each rule, broken, is found."""
    search = settings(
        max_examples=3_000,
        stateful_step_count=25,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        print_blob=False,
    )
    with pytest.raises((AssertionError, EngineError, KeyError)):
        run_state_machine_as_test(broken, settings=search)


@pytest.mark.parametrize(("kind", "holds"), [(EngineMachine, True), (ClaimingTooLate, False)])
def test_a_claim_of_an_earlier_generation_must_be_refused(kind: type[EngineMachine], holds: bool) -> None:
    """S9: who froze before its claim would go on beside the next owner, who knows nothing of it."""
    machine = kind()
    machine.workers = [machine.process() for _ in range(WORKERS)]
    first, frozen, last = machine.workers
    machine.logs[SOURCES[0]] = [b"0", b"1"]
    machine.assign([0, 0, 0], frozenset())
    machine.finish_taking_over(first)
    machine.assign([1, 1, 1], frozenset())
    for _ in range(4):  # named, read, fenced, restored
        assert machine.get_on(frozen)
    frozen.frozen = True
    machine.assign([1, 1, 1], frozenset())  # the second of those present: the last
    machine.finish_taking_over(last)
    frozen.frozen = False
    machine.finish_taking_over(frozen)
    for worker in (last, frozen):
        machine.fold_all(worker)
    if holds:
        machine.each_record_is_committed_once_and_in_order()
    else:
        with pytest.raises(AssertionError):
            machine.each_record_is_committed_once_and_in_order()
