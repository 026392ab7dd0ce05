"""A table: one dictionary per owned partition, backed by a compacted changelog topic.

Declared with `app.Table(name, source_topic=…, changelog_topic=…)` like any Faust table; Faust's own stores,
which mix partitions and write ahead of the commit, are not used.
"""

from collections.abc import Callable, Mapping
from typing import Any

import faust

from processor.engine.errors import EngineError

__all__ = ["PartitionedTable", "Rows", "TakeUp", "take_up"]

Rows = dict[bytes, Any]

TakeUp = Callable[[Rows, Mapping[bytes, bytes | None]], None]
"""Takes values of a changelog, by key, into a partition's rows; None is a tombstone."""


def take_up(rows: Rows, values: Mapping[bytes, bytes | None]) -> None:
    """Keep each value as it is: it is decoded by the fold that touches it."""
    rows.update(values)
    if None in values.values():  # seldom: a compaction takes tombstones away
        for key, value in values.items():
            if value is None:
                del rows[key]


class PartitionedTable(faust.Table):
    """Rows by partition of the source topic whose batches write them.

    A row that was restored is the changelog's bytes; one that a fold has written is what the fold put there.
    A table whose rows in memory are other ones than those of its changelog says how they are made of them;
    its fold writes them with `Transaction.log_all`.

    Args:
        app: the Faust application.
        source_topic: full name of the topic whose agent alone writes this table.
        take_up: takes what recovery reads into the rows.
        kwargs: as for `faust.Table`; `changelog_topic` is required.
    """

    def __init__(self, app: Any, *, source_topic: str, take_up: TakeUp = take_up, **kwargs: Any) -> None:
        super().__init__(app, **kwargs)
        self.source_topic = source_topic
        self.take_up = take_up
        self._partitions: dict[int, Rows] = {}

    @property
    def changelog(self) -> str:
        """Full name of the changelog topic."""
        return str(self.changelog_topic.get_topic_name())

    async def on_start(self) -> None:
        """No store to start, no topic to declare: topics are made by `fleetfold topics create`."""

    def partition(self, number: int) -> Rows:
        """The rows of one owned partition.

        Raises:
            EngineError: the partition is not owned; a fold must never see an empty table in its place.
        """
        try:
            return self._partitions[number]
        except KeyError:
            raise EngineError(f"table {self.name}: partition {number} is not owned by this worker") from None

    def adopt(self, number: int, rows: Rows) -> None:
        """Take over a restored partition."""
        self._partitions[number] = rows

    def drop(self, number: int) -> None:
        """Forget a partition that went to another worker; absent ones are fine."""
        self._partitions.pop(number, None)

    def row_counts(self) -> dict[int, int]:
        """Rows by owned partition."""
        return {number: len(rows) for number, rows in self._partitions.items()}
