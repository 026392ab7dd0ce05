"""Tables that are full: rows that find no room are refused, counted, and told of once."""

import logging
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from processor.domain.room import crowded_out
from processor.settings import ENV_PREFIX, Settings
from schemas.topics import CO_FAILURES, COMPONENT_STATS

if TYPE_CHECKING:
    from processor.engine.table import PartitionedTable
    from processor.engine.transaction import Transaction

__all__ = ["Fullness", "OnRefused"]

OnRefused = Callable[[str, int], None]
"""Told the table's name and how many rows a batch would have added."""

_LIMITS = {COMPONENT_STATS: "max_components", CO_FAILURES: "max_pairs"}
"""By table, the setting that bounds its rows."""

logger = logging.getLogger(__name__)


class Fullness:
    """Refuses what finds no room.

    Args:
        settings: the limits.
        on_refused: counts.
    """

    def __init__(self, settings: Settings, on_refused: OnRefused) -> None:
        self._limits = {table: getattr(settings, name) for table, name in _LIMITS.items()}
        self._on_refused = on_refused

    def refuse(
        self, transaction: "Transaction", table: "PartitionedTable", keys: Collection[bytes]
    ) -> list[bytes]:
        """Return those keys of a batch that its table has no room for; from the first on it is sealed.

        Args:
            transaction: the batch's; it keeps the seal.
            table: which.
            keys: the rows that the batch touched, in its order.
        """
        partition, limit = transaction.source.partition, self._limits[table.name]
        refused = crowded_out(keys, table.partition(partition), limit, sealed=transaction.sealed)
        if refused:
            if not transaction.sealed:
                logger.warning(
                    "%s[%d] has %d rows, as many as %s allows: new ones are refused, the first is %r. Raise "
                    "the limit and fold everything again to count them",
                    table.name,
                    partition,
                    limit,
                    ENV_PREFIX + _LIMITS[table.name].upper(),
                    refused[0].decode(),
                )
            transaction.sealed = True
            self._on_refused(table.name, len(refused))
        return refused
