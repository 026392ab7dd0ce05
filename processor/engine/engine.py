"""The engine: folds batches, commits each with its transaction, and follows the group's assignments.

Laws: the next batch of a partition is folded after the one before is committed; a rebalance begins with no
commit in flight; the first error stops all folding and ends the worker, with nothing more committed.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import KafkaError

from processor.engine.batch import Batch
from processor.engine.claims import Claim, Word, claim, claim_name, fence, read_claims
from processor.engine.committer import Committer
from processor.engine.config import EngineConfig
from processor.engine.errors import EngineError, engine_error
from processor.engine.observer import Observer
from processor.engine.ownership import Membership, Ownership, Plan
from processor.engine.pacer import Pacer
from processor.engine.recovery import restore
from processor.engine.table import PartitionedTable
from processor.engine.telling import log_restored, names
from processor.engine.transaction import Transaction

__all__ = ["Engine", "Fold"]

Fold = Callable[[Batch, Transaction], None]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InFlight:
    """A batch whose commit has begun.

    Attributes:
        begin_offset: where it starts in its partition.
        records: how many it holds.
        oldest_ms: the time of its first record, in milliseconds since the epoch.
        started_s: when its commit began, by the monotonic clock.
    """

    begin_offset: int
    records: int
    oldest_ms: int
    started_s: float


class Engine:
    """One worker's state.

    Args:
        config: its settings.
        observer: is told of what happens.
    """

    def __init__(self, config: EngineConfig, observer: Observer | None = None) -> None:
        self.config = config
        self.observer = observer or Observer()
        self.consumer: AIOKafkaConsumer | None = None
        self.in_flight: dict[TopicPartition, InFlight] = {}
        self.restoring = False
        self.ownership = Ownership()
        self.pacer = Pacer(config, self.ownership)
        self.failed = asyncio.Event()
        self.failure: BaseException | None = None
        self.committed: dict[TopicPartition, int] = {}
        self.sealed: set[TopicPartition] = set()
        self._committer: Committer | None = None
        self._words: dict[TopicPartition, tuple[int, Word]] = {}
        self._commits: dict[TopicPartition, asyncio.Task[None]] = {}
        self._membership = Membership("", -1)

    # Folding

    def process(self, batch: Batch, fold: Fold) -> None:
        """Fold a batch and start its commit; a batch that is no longer ours is dropped: it is read again.

        Args:
            batch: a fetched run.
            fold: called with the batch and its transaction; touches memory only.

        Raises:
            Exception: whatever the fold raised; the worker ends.
        """
        if self.failure is not None:
            return
        try:
            if not self.ownership.take(batch):
                return
            transaction = Transaction(batch.source, batch.next_offset, sealed=batch.source in self.sealed)
            begin_s = time.monotonic()
            fold(batch, transaction)
            if transaction.sealed:
                self.sealed.add(batch.source)
            end_s = time.monotonic()
            self.observer.folded(batch.source, len(batch.records), end_s - begin_s)
        except BaseException as error:
            self.fail(error)
            raise
        self.pacer.folded(batch)
        self.in_flight[batch.source] = InFlight(
            batch.begin_offset, len(batch.records), batch.oldest_ms, end_s
        )
        self._commits[batch.source] = asyncio.create_task(self._commit(transaction))

    async def _commit(self, transaction: Transaction) -> None:
        source = transaction.source
        try:
            assert self._committer is not None  # noqa: S101 -- whoever folds has one
            await self._committer.commit(transaction)
            self.committed[source] = transaction.next_offset
            self._words[source] = transaction.next_offset, Word.CLAIMED
            del self._commits[source]
            done = self.in_flight.pop(source)
            self.pacer.committed(source)
            self.ownership.busy.discard(source)
            oldest_age_s = max(time.time() - done.oldest_ms / 1000, 0.0)
            duration_s = time.monotonic() - done.started_s
            self.observer.committed(source, transaction.next_offset, duration_s, oldest_age_s)
        except Exception as error:  # noqa: BLE001 -- not swallowed: it ends the worker, with this as the reason
            self.fail(error)
        self.pacer.look_again()

    def fail(self, error: BaseException) -> None:
        """Stop folding for good; the first error is the reason."""
        if self.failure is None:
            self.failure = error
            self.ownership.revoke()
            self.failed.set()
            self.observer.failed(error)

    # Rebalancing

    async def quiesce(self) -> None:
        """Stop folding, and wait for every commit in flight, of partitions that stay as well.

        Otherwise the seek after the rebalance would read again what was folded but not yet committed.
        """
        self.ownership.revoke()
        await asyncio.gather(*self._commits.values(), return_exceptions=True)

    def note_membership(self, consumer: AIOKafkaConsumer) -> int:
        """Remember the member and generation of the next assignment; returns the generation."""
        self.consumer = consumer
        coordinator: Any = consumer._coordinator  # noqa: SLF001 -- aiokafka has no public name for it
        self._membership = Membership(coordinator.member_id, coordinator.generation)
        return self._membership.generation

    async def take_over(
        self, assigned: Iterable[TopicPartition], tables: Sequence[PartitionedTable]
    ) -> dict[TopicPartition, int]:
        """Let go of lost partitions, fence and restore new ones.

        Args:
            assigned: all partitions that the group gave to this worker.
            tables: all tables.

        Returns:
            The offset at which each assigned partition goes on; folding starts with `resume`.

        Raises:
            EngineError: something is wrong that a restart may or may not mend (see its exit code).
        """
        membership = self._membership
        plan = self.ownership.plan(assigned, membership)
        self.observer.assigned(plan.kept, plan.new, plan.lost)
        await self._release(plan, tables)
        parts = {"kept": names(plan.kept), "new": names(plan.new), "lost": names(plan.lost)}
        logger.info("assigned: kept %(kept)s; new %(new)s; lost %(lost)s", parts, extra={"detail": parts})
        self.restoring = True
        try:
            await self._fence(plan, membership)
            await self._restore(plan, tables)
            await self._claim(membership)
        finally:
            self.restoring = False
        return dict(self.ownership.positions)

    async def _fence(self, plan: Plan, membership: Membership) -> None:
        """Get a transactional id for this generation, and shut out those that commit for new partitions."""
        config = self.config
        if not plan.kept | plan.new:
            return
        name = claim_name(config.app_id, membership.generation, plan.kept | plan.new)
        self._committer = Committer(config, name, self._expects)
        await self._committer.start()
        found = await read_claims(config, plan.new)
        holders = {each.holder for each in found.values()} - {"", name}
        await fence(config, holders)
        if plan.new:
            logger.info(
                "fenced every earlier owner",
                extra={"partitions": names(plan.new), "fenced": ", ".join(sorted(holders)) or "none"},
            )

    async def _claim(self, membership: Membership) -> None:
        """Write down that this worker commits for its partitions now."""
        if self._committer is None or self.consumer is None:
            return
        holder = self._committer.name
        claims = {source: Claim(offset, holder, word) for source, (offset, word) in self._words.items()}
        await claim(self.consumer, membership, claims)

    async def _restore(self, plan: Plan, tables: Sequence[PartitionedTable]) -> None:
        """Restore an assignment's new partitions."""
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        restored = await restore(self.config, plan.new, tables, self.observer.restoring)
        for table in tables:
            for source in plan.new:
                if source.topic == table.source_topic:
                    table.adopt(source.partition, restored.rows[table.name, source.partition])
        if plan.new:
            duration_s = loop.time() - started_s
            log_restored(restored, duration_s)
            self.observer.restored(restored.positions, restored.records, duration_s)
        self.sealed |= restored.sealed
        if restored.sealed:
            logger.warning("sealed, they take no new rows: %s", names(restored.sealed))
        for source, offset in restored.positions.items():
            self._words[source] = offset, Word.CLAIMED if source in restored.counted else Word.UNREAD
        self.ownership.adopt(restored.positions)

    def resume(self) -> None:
        """Fold again."""
        if self.failure is None:
            self.pacer.resume()

    async def _release(self, plan: Plan, tables: Sequence[PartitionedTable]) -> None:
        for source in plan.lost | plan.new:
            for table in tables:
                if table.source_topic == source.topic:
                    table.drop(source.partition)
        self.ownership.drop(plan.lost)
        self.sealed -= plan.lost | plan.new
        for source in plan.lost | plan.new:
            self.committed.pop(source, None)
            self._words.pop(source, None)
        await self._stop_committing()

    async def _stop_committing(self) -> None:
        committer, self._committer = self._committer, None
        if committer is not None:
            await committer.stop()

    def _expects(self) -> bool:
        """Whether a batch is on its way to be folded."""
        ownership = self.ownership
        return ownership.folding and any(source not in self.in_flight for source in ownership.busy)

    # Housekeeping

    async def purge(self) -> None:
        """Delete what lies below the checkpoints of the sources that only this application reads.

        A failure is logged and tried again next time: nothing depends on it but disk space.
        """
        below = {
            source: RecordsToDelete(before_offset=offset)
            for source, offset in self.committed.items()
            if source.topic in self.config.purged_topics
        }
        if not below:
            return
        admin = AIOKafkaAdminClient(**self.config.clients())
        try:
            await admin.start()
            await admin.delete_records(below)
        except KafkaError as error:
            logger.warning("could not purge %s: %r", names(below), error)
        finally:
            await admin.close()

    async def purge_regularly(self) -> None:
        """Purge until cancelled."""
        while True:
            await asyncio.sleep(self.config.purge_interval_s)
            await self.purge()

    async def close(self) -> None:
        """Close the connections; call after `quiesce`."""
        with contextlib.suppress(KafkaError):
            await self._stop_committing()

    def reason(self) -> EngineError | None:
        """Why the worker failed, as an engine error; None while it is well."""
        if self.failure is None or isinstance(self.failure, EngineError):
            return self.failure
        return engine_error(type(self.failure).__name__, self.failure)
