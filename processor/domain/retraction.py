"""What a correction changes for one host: its history folded as it was, and folded without what is void.

The law: with the control record applied, counts, pairs and sessions are those of a fold that never counted
the void events, and so are all later ones. The difference of two folds is exact whatever the folds do, since
both are the folds themselves.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from processor.domain.config import FoldConfig
from processor.domain.control import Control, ledger_mark
from processor.domain.intake import Void, fold
from processor.domain.ledger import EMPTY
from processor.domain.record import Record
from processor.domain.results import IntakeResult
from processor.domain.stats import Stats

__all__ = ["HostPlan", "plan_host"]

_DEPRECATIONS = 4  # after the four counts of a row
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
    void: Void,
    correction_id: UUID,
    *,
    now_ms: int,
    forget: bool = False,
) -> HostPlan:
    """Return what a correction changes for one host.

    Args:
        host: its id as UTF-8.
        records: all of its records in its partition, control records too, in offset order.
        partition: where the host lives.
        config: the folds' settings.
        void: says which events are void by all corrections, this one included.
        correction_id: which correction.
        now_ms: the time, in milliseconds since the epoch.
        forget: the host's ledger goes.
    """
    counted = fold(records, partition, {}, config)
    wanted = fold(records, partition, {}, config, void=void)
    pairs = Counter(wanted.pair_changes)
    pairs.subtract(counted.pair_changes)
    pair_changes = tuple((pair, change) for pair, change in sorted(pairs.items()) if change)
    taken_back = tuple(_differences(counted, wanted))
    events = -sum(sum(_counts(change).values()) for _, change in taken_back)
    if not (taken_back or pair_changes or forget):
        return HostPlan(None, 0)
    gaps_ms = [
        later - earlier for earlier, later in pairwise([*(record.timestamp for record in records), now_ms])
    ]
    idle_ms = config.host_idle_us // 1000
    if counted.counts.duplicates and any(gap_ms > idle_ms for gap_ms in gaps_ms[:-1]):
        return HostPlan(None, events, _WAS_IDLE)
    control = Control(
        correction_id,
        partition,
        host,
        ledger_mark(counted.ledgers.get(host, EMPTY)),
        gaps_ms[-1] > idle_ms,
        forget,
        wanted.ledgers.get(host, EMPTY)[2],
        taken_back,
        pair_changes,
    )
    return HostPlan(control, events)


def _differences(counted: IntakeResult, wanted: IntakeResult) -> Iterable[tuple[str, Stats]]:
    """Yield by component what is counted too much, as sums below 0, with the times of the void events."""
    sums: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for component, change in [*counted.deltas.items(), *counted.taken_back]:
        sums[component].subtract(_counts(change))
    for component, change in wanted.deltas.items():
        sums[component].update(_counts(change))
    for component, total in sorted(sums.items()):
        if any(total.values()):
            *_, seen_us, success_us, failure_us, notes = wanted.voided[component]
            change = (total[0], total[1], total[2], total[3], seen_us, success_us, failure_us, None)
            if notes is not None:
                change = (*change[:7], (total[_DEPRECATIONS], notes[1], notes[2], None, False))
            yield component, change


def _counts(stats: Stats) -> dict[int, int]:
    """Return a row's or a change's counts by their places, deprecations last."""
    notes = stats[7]
    return {
        **dict(enumerate((stats[0], stats[1], stats[2], stats[3]))),
        _DEPRECATIONS: 0 if notes is None else notes[0],
    }
