"""What a batch of events comes to, and how two batches' results become one."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from uuid import UUID

from processor.domain.history import Spread, add
from processor.domain.ledger import Row
from processor.domain.packing import Delta
from processor.domain.record import DeadLetter, Forward
from processor.domain.sessions import Pair
from processor.domain.stats import Stats, merge
from processor.domain.totals import NONE, Totals
from processor.domain.totals import merge as add_totals

__all__ = ["IntakeCounts", "IntakeResult", "absorb", "add_pairs"]


@dataclass(slots=True)
class IntakeCounts:
    """How many records of a batch came to what.

    `events`, `duplicates`, `void`, `misrouted`, `ignored`, `dead` and `corrected` add up to the batch's
    records. `late` and `skewed` are among `events`; `mass_failures` counts sessions that became one;
    `corrected` counts control records that applied.
    """

    events: int = 0
    duplicates: int = 0
    late: int = 0
    skewed: int = 0
    misrouted: int = 0
    ignored: int = 0
    mass_failures: int = 0
    dead: int = 0
    void: int = 0
    corrected: int = 0


@dataclass(slots=True)
class IntakeResult:
    """What a batch comes to.

    Attributes:
        deltas: one for each component of the batch, and of the sessions that its failures changed.
        spreads: the counts by hour of those components whose delta does not tell them.
        later: deltas and spreads of what stood after a control record, once for each.
        totals: what the batch adds to the partition's totals; its sessions are signed.
        pair_changes: signed changes of pair counts, a < b, without zeros.
        taken_back: by component what corrections take back, to be applied after the deltas.
        voided: what the void events would have come to, by component; only where some are void.
        voided_hours: the same by component and hour since the epoch.
        corrections: those that applied.
        ledgers: the new rows of the hosts that were heard; EMPTY, itself, where a host's row goes.
        forwards: copies of events that belong in other partitions.
        dead: records that are no events.
        counts: how many records came to what.
        newest_us: the newest time of a record, in microseconds; 0 for an empty batch.
    """

    deltas: dict[str, Stats] = field(default_factory=dict)
    pair_changes: dict[Pair, int] = field(default_factory=dict)
    spreads: dict[str, Spread] = field(default_factory=dict)
    totals: Totals = NONE
    later: list[tuple[dict[str, Stats], dict[str, Spread]]] = field(default_factory=list)
    taken_back: list[Delta] = field(default_factory=list)
    voided: dict[str, Stats] = field(default_factory=dict)
    voided_hours: dict[str, dict[int, list[int]]] = field(default_factory=dict)
    corrections: list[UUID] = field(default_factory=list)
    ledgers: dict[bytes, Row] = field(default_factory=dict)
    forwards: list[Forward] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    counts: IntakeCounts = field(default_factory=IntakeCounts)
    newest_us: int = 0


def absorb(total: IntakeResult, later: IntakeResult) -> None:
    """Add a later result of the same partition to a total."""
    total.later.append((later.deltas, later.spreads))
    total.totals = add_totals(total.totals, later.totals)
    for component, delta in later.voided.items():
        known = total.voided.get(component)
        total.voided[component] = delta if known is None else merge(known, delta)
    for component, hours in later.voided_hours.items():
        for hour, counts in hours.items():
            add(total.voided_hours.setdefault(component, {}), hour, counts)
    add_pairs(total, later.pair_changes.items())
    total.taken_back += later.taken_back
    total.ledgers.update(later.ledgers)
    total.forwards += later.forwards
    total.dead += later.dead
    total.newest_us = max(total.newest_us, later.newest_us)
    for each in fields(IntakeCounts):
        both = getattr(total.counts, each.name) + getattr(later.counts, each.name)
        setattr(total.counts, each.name, both)


def add_pairs(total: IntakeResult, changes: Iterable[tuple[Pair, int]]) -> None:
    """Add signed changes of pairs to a total, and leave no zeros."""
    for pair, change in changes:
        total.pair_changes[pair] = total.pair_changes.get(pair, 0) + change
        if not total.pair_changes[pair]:
            del total.pair_changes[pair]
