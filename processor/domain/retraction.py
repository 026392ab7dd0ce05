"""What a correction changes for one host: its history folded as it was, and folded without what is void.

The law: with the control record applied, counts, pairs and sessions are those of a fold that never counted
the void events, and so are all later ones. The difference of two folds is exact whatever the folds do, since
both are the folds themselves.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from uuid import UUID

from processor.domain.config import FoldConfig
from processor.domain.control import Control, ledger_mark
from processor.domain.corrections import Corrections
from processor.domain.history import NO_SPREAD, Spread, spread_of
from processor.domain.intake import Void, fold
from processor.domain.ledger import EMPTY
from processor.domain.packing import Delta
from processor.domain.record import Record
from processor.domain.results import IntakeResult
from processor.domain.stats import EMPTY as NOTHING
from processor.domain.stats import Stats
from processor.domain.totals import Totals

__all__ = ["HostPlan", "plan_host"]

_SESSIONS = 5  # after the four counts of a row and its deprecations
_WAS_IDLE = "it was idle for so long that its ledger may have been forgotten in between"


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What is to be done for one host.

    Attributes:
        control: what its control record says; None if nothing is to be changed, or not without a rebuild.
        events: how many counted events are void.
        left: why only a rebuild can take them back; "" if a control record can.
    """

    control: Control | None
    events: int
    left: str = ""


def plan_host(
    host: bytes,
    records: Sequence[Record],
    partition: int,
    config: FoldConfig,
    corrections: Corrections,
    *,
    now_ms: int,
    forget: bool = False,
    obeyed: Collection[UUID] = (),
) -> HostPlan:
    """Return what a correction changes for one host.

    Args:
        host: its id as UTF-8.
        records: all of its records in its partition, control records too, in offset order.
        partition: where the host lives.
        config: the folds' settings.
        corrections: all of them, this one last.
        now_ms: the time, in milliseconds since the epoch.
        forget: the host's ledger goes.
        obeyed: the corrections whose events a rebuilt generation never counted.
    """
    if not records:  # of a host that was forgotten before its rebuild, a generation knows nothing
        return HostPlan(None, 0)
    never = _voids(corrections, obeyed, partition)
    live = fold(records, partition, {}, config, void=never, applies=True)
    counted = live
    if live.corrections:  # what they took back is not counted any more
        void = _voids(corrections, {*obeyed, *live.corrections}, partition)
        counted = fold(records, partition, {}, config, void=void)
    wanted = fold(records, partition, {}, config, void=partial(corrections.places, partition=partition))
    voided = wanted.voided
    if obeyed:  # whose times were never in a row
        others = {each.correction_id for each in corrections.all}.difference(obeyed)
        voided = fold(records, partition, {}, config, void=_voids(corrections, others, partition)).voided
    pairs = Counter(wanted.pair_changes)
    pairs.subtract(counted.pair_changes)
    pair_changes = tuple((pair, change) for pair, change in sorted(pairs.items()) if change)
    taken_back = tuple(_differences(counted, wanted, voided))
    events = -sum(sum(_counts(change)[:_SESSIONS]) for _, change, _ in taken_back)
    if not (taken_back or pair_changes or forget):
        return HostPlan(None, 0)
    times_ms = [record.timestamp for record in records]
    gaps_ms = [later - earlier for earlier, later in pairwise([*times_ms, now_ms])]
    idle_ms = config.host_idle_us // 1000
    if live.counts.duplicates and any(gap_ms > idle_ms for gap_ms in gaps_ms[:-1]):
        return HostPlan(None, events, _WAS_IDLE)
    control = Control(
        corrections.all[-1].correction_id,
        partition,
        host,
        ledger_mark(live.ledgers.get(host, EMPTY)),
        gaps_ms[-1] > idle_ms,
        forget,
        wanted.ledgers.get(host, EMPTY)[2],
        taken_back,
        pair_changes,
        Totals._make([new - old for new, old in zip(wanted.totals, counted.totals, strict=True)]),
        config.generation,
    )
    return HostPlan(control, events)


def _voids(corrections: Corrections, ids: Collection[UUID], partition: int) -> Void | None:
    return partial(corrections.only(ids).places, partition=partition) if ids else None


def _differences(counted: IntakeResult, wanted: IntakeResult, voided: Mapping[str, Stats]) -> Iterable[Delta]:
    """Yield by component what is counted too much: sums below 0, times and hours of the void events."""
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (_SESSIONS + 1))
    for sign, result in ((-1, counted), (1, wanted)):
        for deltas in (result.deltas, *(deltas for deltas, _ in result.later)):
            for component, change in deltas.items():
                sums[component] = [
                    a + sign * b for a, b in zip(sums[component], _counts(change), strict=True)
                ]
    for component, (*counts, gone, sessions) in sorted(sums.items()):
        if not (any(counts) or gone or sessions):
            continue
        *_, seen_us, success_us, failure_us, notes, _ = voided.get(component, NOTHING)
        left = None if notes is None else (gone, notes[1], notes[2], None, False)
        change = (counts[0], counts[1], counts[2], counts[3], seen_us, success_us, failure_us, left, sessions)
        yield component, change, _spread(component, counted, wanted)


def _counts(stats: Stats) -> list[int]:
    """Return a row's or a change's counts: the four, deprecations, and last the failure sessions."""
    notes = stats[7]
    return [*stats[:4], 0 if notes is None else notes[0], stats[8]]


def _spread(component: str, counted: IntakeResult, wanted: IntakeResult) -> Spread:
    """Return the hours of the events that are void and were counted, below 0."""
    before = counted.voided_hours.get(component, {})
    hours = {
        hour: [old - new for new, old in zip(counts, before.get(hour, (0, 0, 0, 0)), strict=True)]
        for hour, counts in wanted.voided_hours.get(component, {}).items()
    }
    hours = {hour: counts for hour, counts in hours.items() if any(counts)}
    return spread_of(hours) if hours else NO_SPREAD
