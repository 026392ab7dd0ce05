"""The three tables: each is written by one agent alone, and each changelog is a topic of the contract."""

from dataclasses import dataclass

from processor.engine.app import BatchApp
from processor.engine.table import PartitionedTable
from processor.settings import Settings
from schemas.topics import (
    CO_FAILURES,
    COMPONENT_DELTAS,
    COMPONENT_STATS,
    HOST_LEDGER,
    PAIR_DELTAS,
)

__all__ = ["Tables", "declare_tables"]


@dataclass(frozen=True, slots=True)
class Tables:
    """The application's tables.

    Attributes:
        host_ledger: the windowed table of failures, by host; written by intake.
        component_stats: statistics by component; written by components.
        co_failures: how often a pair failed together; written by pairs.
    """

    host_ledger: PartitionedTable
    component_stats: PartitionedTable
    co_failures: PartitionedTable


def declare_tables(app: BatchApp, settings: Settings) -> Tables:
    """Declare the tables with the application.

    Args:
        app: the application.
        settings: for the topics' prefix.
    """

    def table(name: str, source_topic: str) -> PartitionedTable:
        changelog = app.topic(settings.topic(name))
        declared = app.Table(name, source_topic=source_topic, changelog_topic=changelog)
        assert isinstance(declared, PartitionedTable)  # noqa: S101 -- the app's own setting says so
        return declared

    return Tables(
        host_ledger=table(HOST_LEDGER, settings.intake_topic),
        component_stats=table(COMPONENT_STATS, settings.topic(COMPONENT_DELTAS)),
        co_failures=table(CO_FAILURES, settings.topic(PAIR_DELTAS)),
    )
