"""Routing as the engine does it: the events of the log become a generation's own, in its own partitions.

Of a generation from 2 on, `route` is the agent that reads `outcome-events`; the rebuild's router calls the
same for records of several partitions at once. Nothing here waits or talks to a broker.
"""

from collections.abc import Callable, Iterable
from itertools import islice

from aiokafka import TopicPartition

from processor.burial import Burial
from processor.domain.decode import RUN_LENGTH
from processor.domain.intake import IntakeCounts, IntakeResult
from processor.domain.names import Book
from processor.domain.record import Record
from processor.domain.routing import NOTHING_VOID, RoutedEvent, Void, route
from processor.engine.batch import Batch
from processor.engine.transaction import Transaction
from processor.settings import Settings

__all__ = ["Routes"]


class Routes:
    """The routing of one worker.

    Args:
        settings: the process's settings.
        report: told what each batch came to, but for its events, which intake tells of.
        void: knows what corrections took back.
    """

    def __init__(
        self,
        settings: Settings,
        report: Callable[[IntakeResult], None] = lambda _: None,
        void: Void = NOTHING_VOID,
    ) -> None:
        self._topic = settings.intake_topic
        self._partitions = settings.partitions
        self._config = settings.fold_config()
        self._burial = Burial(settings)
        self._void = void
        self._report = report

    def route(self, batch: Batch, transaction: Transaction) -> None:
        """Route one batch of `outcome-events`.

        Raises:
            LimitError: too many of the partition's recent records are dead letters (X8).
        """
        self.write(self.take(batch.source, batch.records, transaction), transaction)

    def take(
        self, source: TopicPartition, records: Iterable[Record], transaction: Transaction
    ) -> list[RoutedEvent]:
        """Return what the records of one partition come to; dead letters go into the transaction.

        Raises:
            LimitError: as `route`.
        """
        events: list[RoutedEvent] = []
        result, seen, book = IntakeResult(counts=IntakeCounts()), 0, Book()
        iterator = iter(records)
        while run := list(islice(iterator, RUN_LENGTH)):
            routed = route(run, source.partition, self._config, book, self._void)
            events += routed.events
            result.dead += routed.dead
            result.counts.ignored += routed.ignored
            seen += len(run)
        result.counts.dead = len(result.dead)
        self._burial.bury(source, seen, result.dead, transaction)
        self._report(result)
        return events

    def write(self, events: Iterable[RoutedEvent], transaction: Transaction) -> None:
        """Write events to their partitions, in this order."""
        targets = [
            transaction.outputs[TopicPartition(self._topic, number)] for number in range(self._partitions)
        ]
        for home, record in events:
            targets[home].append(record)
