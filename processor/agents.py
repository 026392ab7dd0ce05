"""The three agents' folds: each takes a batch and says what its transaction writes.

The only place where the domain meets the engine. Nothing here waits, reads a clock or talks to a broker.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import orjson

from processor.burial import Burial
from processor.domain import historyrows, totals
from processor.domain.components import Components
from processor.domain.history import NO_HISTORY, Change
from processor.domain.intake import IntakeResult, fold
from processor.domain.ledger import EMPTY, encode, expire
from processor.domain.merge import fold_pairs
from processor.domain.packing import (
    Delta,
    pack_deltas,
    pack_pairs,
    pack_taken_back,
    unpack_deltas,
    unpack_pairs,
    unpack_taken_back,
)
from processor.domain.record import CORRECTION_HEADER
from processor.domain.room import changes_within
from processor.domain.routing import Marked
from processor.domain.stats import Stats, from_json, to_json
from processor.domain.taking_back import histories_without, rows_without
from processor.engine.batch import Batch
from processor.engine.transaction import Transaction
from processor.fullness import Fullness, OnRefused
from processor.settings import Settings
from processor.tables import Tables
from schemas.cofailure import pair_key, pair_value
from schemas.topics import COMPONENT_DELTAS, PAIR_DELTAS

if TYPE_CHECKING:
    from processor.domain.sessions import Pair

__all__ = ["Agents"]

DAY_US = 86_400_000_000
TAKEN_BACK = [(CORRECTION_HEADER, b"")]
"""What tells a record on `component-deltas` that takes back from one that adds: any header at all."""
FRAMING_BYTES = 2_048  # what Kafka's record batch adds to a value, with room to spare


class Agents:
    """The folds of one worker.

    Args:
        settings: the process's settings.
        tables: declared with the same application.
        report: told what each batch of events came to.
        on_refused: told how many rows of a table found no room.
    """

    def __init__(
        self,
        settings: Settings,
        tables: Tables,
        report: Callable[[IntakeResult], None] = lambda _: None,
        on_refused: OnRefused = lambda *_: None,
    ) -> None:
        self._settings = settings
        self._tables = tables
        self._report = report
        self._fullness = Fullness(settings, on_refused)
        self._config = settings.fold_config()
        self._value_bytes_max = settings.max_message_bytes - FRAMING_BYTES
        self._burial = Burial(settings)
        self._swept_days: dict[int, int] = {}

    def intake(self, batch: Batch, transaction: Transaction) -> None:
        """Fold events into deltas, pair changes and ledgers.

        Raises:
            LimitError: too many of the partition's recent records are dead letters (X8).
        """
        ledgers = self._tables.host_ledger
        hosts = ledgers.partition(batch.partition)
        void = None if self._settings.generation <= 1 else partial(Marked.places, partition=batch.partition)
        result = fold(
            batch.records,
            batch.partition,
            hosts,
            self._config,
            topic=batch.source.topic,
            void=void,
            applies=True,
        )
        self._burial.bury(batch.source, len(batch.records), result.dead, transaction)
        self._report(result)
        transaction.put_all(
            ledgers,
            ((host, row, None if row is EMPTY else encode(row)) for host, row in result.ledgers.items()),
        )
        self._add_totals(transaction, batch.partition, result.totals)
        self._send_results(transaction, result)
        self._forget_idle_hosts(batch, transaction, result.newest_us)

    def components(self, batch: Batch, transaction: Transaction) -> None:
        """Merge deltas into stats rows, and their counts by hour into histories."""
        table = self._tables.component_stats
        rows = table.partition(batch.partition)

        def row_of(component_id: str) -> Stats | None:
            row: bytes | Stats | None = rows.get(component_id.encode())
            return from_json(row)[1] if isinstance(row, bytes) else row

        touched = Components(row_of)
        taken_back: list[Delta] = []
        for record in batch.records:
            if record.headers:  # a correction's: it can wait for the deltas, as sums know no order
                taken_back += unpack_taken_back(record.value or b"")
            else:
                touched.take(unpack_deltas(record.value or b""))
        for key in self._fullness.refuse(transaction, table, [name.encode() for name in touched.rows]):
            touched.drop(key.decode())
        if transaction.sealed:  # what was refused is not taken back either
            taken_back = [each for each in taken_back if each[0] in touched.rows or each[0].encode() in rows]
        changed: dict[str, Stats | None] = dict(touched.checked_rows())
        history = self._tables.component_history
        states = history.partition(batch.partition)
        transaction.log_all(history, history_records(touched.histories(states), states))
        if taken_back:
            changed |= rows_without(taken_back, lambda name: changed.get(name) or row_of(name))
            transaction.log_all(history, history_records(histories_without(taken_back, states), states))
        transaction.put_all(
            table,
            (
                (name.encode(), row, None if row is None else to_json(name, row))
                for name, row in changed.items()
            ),
        )

    def pairs(self, batch: Batch, transaction: Transaction) -> None:
        """Add signed changes to pair counts."""
        table = self._tables.co_failures
        rows = table.partition(batch.partition)

        def count_of(key: bytes) -> int | None:
            row: bytes | int | None = rows.get(key)
            return orjson.loads(row)["count"] if isinstance(row, bytes) else row

        changes: Iterable[tuple[Pair, int]] = (
            change for record in batch.records for change in unpack_pairs(record.value or b"")
        )
        if transaction.sealed:
            changes = changes_within(changes, lambda pair: pair_key(*pair), rows)
        folded = fold_pairs(changes, count_of)
        for key in self._fullness.refuse(transaction, table, folded.keys()):
            del folded[key]
        transaction.put_all(
            table,
            (
                (key, count, pair_value(a, b, count) if count else None)
                for key, ((a, b), count) in folded.items()
            ),
        )

    def _add_totals(self, transaction: Transaction, partition: int, change: totals.Totals) -> None:
        """Write the partition's totals, once a batch, where it changes them."""
        if change == totals.NONE:
            return
        table, key = self._tables.fleet_totals, b"%d" % partition
        known = table.partition(partition).get(key, totals.NONE)
        row = totals.merge(totals.from_json(known) if isinstance(known, bytes) else known, change)
        # What a release before did not count cannot be taken back.
        row = totals.Totals._make([max(number, 0) for number in row])
        transaction.put(table, key, row, totals.to_json(partition, row))

    def _send_results(self, transaction: Transaction, result: IntakeResult) -> None:
        topic, source = self._settings.topic, transaction.source.topic
        partitions, limit = self._config.partitions, self._value_bytes_max
        for deltas, spreads in ((result.deltas, result.spreads), *result.later):
            for partition, value in pack_deltas(deltas, spreads, partitions, limit):
                transaction.send(topic(COMPONENT_DELTAS), partition, None, value)
        for partition, value in pack_taken_back(result.taken_back, partitions, limit):
            transaction.send(topic(COMPONENT_DELTAS), partition, None, value, TAKEN_BACK)
        for partition, value in pack_pairs(result.pair_changes, partitions, limit):
            transaction.send(topic(PAIR_DELTAS), partition, None, value)
        for copy in result.forwards:
            transaction.send(source, copy.partition, copy.key, copy.value, list(copy.headers))

    def _forget_idle_hosts(self, batch: Batch, transaction: Transaction, newest_us: int) -> None:
        """Once per day of record time: a look at every host of the partition."""
        day = newest_us // DAY_US
        swept = self._swept_days.setdefault(batch.partition, day)
        if day <= swept:
            return
        self._swept_days[batch.partition] = day
        table = self._tables.host_ledger
        idle = expire(table.partition(batch.partition), newest_us, self._config)
        transaction.put_all(table, ((host, None, None) for host in idle))


def history_records(
    histories: Iterable[tuple[str, bytes, Change]], states: dict[bytes, bytes]
) -> Iterator[tuple[bytes, bytes | None]]:
    """Set the histories that a batch changed, and yield the rows of `component-history` that say so.

    Args:
        histories: the components whose history changed, each with its key among the states and the change.
        states: the partition's histories, changed in place.
    """
    for component_id, key, (state, days) in histories:
        if state == NO_HISTORY:
            states.pop(key, None)
        else:
            states[key] = state
        for number, day in days:
            value = None if day is None else historyrows.to_json(component_id, day)
            yield historyrows.row_key(component_id, number), value
