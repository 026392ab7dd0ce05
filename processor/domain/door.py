"""Which hosts a partition takes: those that live there, while there is room for what it must remember.

A host that finds no room is turned away event by event: each is counted whole, or is a dead letter that can
be replayed once there is room, so that no row is a part of the truth. Who comes first in the partition comes
in, whatever the batches.
"""

from collections import ChainMap
from collections.abc import Mapping
from typing import Final

from processor.domain.config import FoldConfig
from processor.domain.forwarding import forward
from processor.domain.ledger import EMPTY, Row
from processor.domain.partition import partition_of
from processor.domain.record import DeadLetter, Forward, Record

__all__ = ["TOO_MANY_HOSTS", "Door"]

TOO_MANY_HOSTS: Final = "too_many_hosts"
"""The reason of a dead letter: its host is new, and the partition remembers as many as it may."""


class Door:
    """Judges the hosts of one batch that have no ledger, in the order in which they appear.

    Args:
        source: where the batch was read, as `topic/partition`.
        partition: its number.
        rows: the ledgers; EMPTY stands for a host that was forgotten in this batch.
        config: how many may be.
    """

    def __init__(
        self, source: str, partition: int, rows: Mapping[bytes, Row | bytes], config: FoldConfig
    ) -> None:
        self._source = source
        self._partition = partition
        self._config = config
        self._room = config.hosts_max - _remembered(rows) if config.hosts_max else None
        self._full: set[bytes] = set()

    def admits(self, host: bytes) -> bool:
        """Say whether a host without a ledger comes in; asked once for each, in order."""
        if partition_of(host, self._config.partitions) != self._partition:
            return False
        if self._room is None:
            return True
        if self._room <= 0:
            self._full.add(host)
            return False
        self._room -= 1
        return True

    def send_away(self, record: Record, host: bytes) -> Forward | DeadLetter:
        """Return what becomes of a record of a host that was not admitted."""
        if host in self._full:
            return DeadLetter(record, TOO_MANY_HOSTS, "host_id")
        return forward(record, self._source, host, partition_of(host, self._config.partitions))


def _remembered(rows: Mapping[bytes, Row | bytes]) -> int:
    """Return how many hosts have a ledger, without looking at all of them."""
    if not isinstance(rows, ChainMap):
        return len(rows)
    changed, known = rows.maps  # a batch with a control record: what is folded so far, over what there was
    return len(known) + sum((row is not EMPTY) - (host in known) for host, row in changed.items())
