"""Counts and times what a worker does: once per batch or rebalance, never per record.

What merely stands somewhere (lag, rows, partitions) is looked up when somebody scrapes.
"""

import platform
from collections import Counter as Tally
from collections.abc import Collection, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, cast

from aiokafka import TopicPartition

from processor.domain.intake import IntakeResult
from processor.engine.app import BatchApp
from processor.engine.observer import Observer
from processor.engine.status import lags, why_not_ready
from processor.instruments import Instruments, process_metrics, written
from processor.metrics import METRICS

if TYPE_CHECKING:
    from processor.engine.table import PartitionedTable

__all__ = ["Meters"]


_COUNTED = ("events", "duplicates", "late", "skewed", "misrouted", "ignored", "mass_failures", "corrected")


class Meters(Observer):
    """The metrics of one worker, in a registry of their own."""

    def __init__(self) -> None:
        self._made = Instruments(METRICS)
        process_metrics(self._made.registry)
        self._made.gauge("fleetfold_build_info").labels(
            version=version("fleetfold"),
            python=platform.python_version(),
            faust=version("faust-streaming"),
            aiokafka=version("aiokafka"),
        ).set(1)

    def taken_in(self, result: IntakeResult) -> None:
        """Count what a batch of events came to."""
        counts = result.counts
        for name in _COUNTED:
            self._made.counter(f"fleetfold_{name}_total").inc(getattr(counts, name))
        for reason, number in Tally(letter.reason for letter in result.dead).items():
            self._made.counter("fleetfold_dead_letters_total").labels(reason).inc(number)

    def refused(self, table: str, rows: int) -> None:
        """Count rows that found no room."""
        self._made.counter("fleetfold_refused_rows_total").labels(table).inc(rows)

    def folded(self, source: TopicPartition, records: int, duration_s: float) -> None:
        """See Observer."""
        topic = source.topic
        self._made.counter("fleetfold_records_total").labels(topic).inc(records)
        self._made.histogram("fleetfold_batch_records").labels(topic).observe(records)
        self._made.histogram("fleetfold_fold_seconds").labels(topic).observe(duration_s)

    def committed(
        self,
        source: TopicPartition,
        next_offset: int,  # noqa: ARG002 -- the observer's signature
        duration_s: float,
        oldest_age_s: float,
    ) -> None:
        """See Observer."""
        self._made.histogram("fleetfold_commit_seconds").labels(source.topic).observe(duration_s)
        self._made.histogram("fleetfold_delay_seconds").labels(source.topic).observe(oldest_age_s)

    def assigned(
        self,
        kept: Collection[TopicPartition],  # noqa: ARG002 -- the observer's signature
        new: Collection[TopicPartition],
        lost: Collection[TopicPartition],  # noqa: ARG002
    ) -> None:
        """See Observer."""
        self._made.counter("fleetfold_rebalances_total").inc()
        self._made.gauge("fleetfold_restore_progress_ratio").set(0 if new else 1)

    def restoring(self, passed: int, total: int) -> None:
        """See Observer."""
        self._made.gauge("fleetfold_restore_progress_ratio").set(passed / total if total else 1)

    def restored(
        self,
        positions: Mapping[TopicPartition, int],  # noqa: ARG002 -- the observer's signature
        records: int,
        duration_s: float,
    ) -> None:
        """See Observer."""
        self._made.gauge("fleetfold_restore_progress_ratio").set(1)
        self._made.counter("fleetfold_restored_records_total").inc(records)
        self._made.histogram("fleetfold_restore_seconds").observe(duration_s)

    def failed(self, error: BaseException) -> None:
        """See Observer."""
        self._made.counter("fleetfold_failures_total").labels(type(error).__name__).inc()

    def scrape(self, app: BatchApp, accept: str) -> tuple[bytes, str]:
        """Look at the worker and write all metrics down.

        Args:
            app: the worker.
            accept: the header of the request that says which format is wanted.

        Returns:
            The text, and its content type.
        """
        self._look_at(app)
        return written(self._made.registry, accept)

    def _look_at(self, app: BatchApp) -> None:
        gauge = self._made.gauge
        lag, owned = gauge("fleetfold_lag_offsets"), gauge("fleetfold_assigned_partitions")
        lag.clear()  # partitions that went to another worker are the other's to tell of
        for source, offsets in lags(app).items():
            lag.labels(source.topic, str(source.partition)).set(offsets)
        owned.clear()
        for topic, number in Tally(source.topic for source in app.engine.ownership.positions).items():
            owned.labels(topic).set(number)
        sealed = gauge("fleetfold_sealed_partitions")
        sealed.clear()
        for topic, number in Tally(source.topic for source in app.engine.sealed).items():
            sealed.labels(topic).set(number)
        for table in cast("list[PartitionedTable]", list(app.tables.values())):
            rows = sum(table.row_counts().values())
            gauge("fleetfold_table_rows").labels(table.name).set(rows)
        gauge("fleetfold_ready").set(why_not_ready(app) is None)
