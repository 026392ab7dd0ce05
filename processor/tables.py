"""The tables: each is written by one agent alone, and each changelog is a topic of the contract."""

from dataclasses import dataclass

from processor.domain.historyrows import with_rows
from processor.engine.app import BatchApp
from processor.engine.table import PartitionedTable, TakeUp, take_up
from processor.settings import Settings
from schemas.topics import (
    CO_FAILURES,
    COMPONENT_DELTAS,
    COMPONENT_HISTORY,
    COMPONENT_STATS,
    FLEET_TOTALS,
    HOST_LEDGER,
    PAIR_DELTAS,
)

__all__ = ["Tables", "declare_tables"]


@dataclass(frozen=True, slots=True)
class Tables:
    """The application's tables.

    Attributes:
        host_ledger: the windowed table of failures, by host; written by intake.
        fleet_totals: what the partition's hosts come to, one row; written by intake.
        component_stats: statistics by component; written by components.
        component_history: counts by hour and day; written by components. In memory one row a component, by
            its id; on the changelog one a component and day.
        co_failures: how often a pair failed together; written by pairs.
    """

    host_ledger: PartitionedTable
    fleet_totals: PartitionedTable
    component_stats: PartitionedTable
    component_history: PartitionedTable
    co_failures: PartitionedTable


def declare_tables(app: BatchApp, settings: Settings) -> Tables:
    """Declare the tables with the application.

    Args:
        app: the application.
        settings: for the topics' prefix.
    """

    def table(name: str, source_topic: str, take_up: TakeUp = take_up) -> PartitionedTable:
        changelog = app.topic(settings.topic(name))
        declared = app.Table(name, source_topic=source_topic, changelog_topic=changelog, take_up=take_up)
        assert isinstance(declared, PartitionedTable)  # noqa: S101 -- the app's own setting says so
        return declared

    return Tables(
        host_ledger=table(HOST_LEDGER, settings.intake_topic),
        fleet_totals=table(FLEET_TOTALS, settings.intake_topic),
        component_stats=table(COMPONENT_STATS, settings.topic(COMPONENT_DELTAS)),
        component_history=table(COMPONENT_HISTORY, settings.topic(COMPONENT_DELTAS), with_rows),
        co_failures=table(CO_FAILURES, settings.topic(PAIR_DELTAS)),
    )
