"""Control records cut a batch: what stands before one is folded first, then it applies, then what follows.

A batch without them, which is nearly every one, pays nothing for it but a look at its headers.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from processor.domain.config import FoldConfig
from processor.domain.control import CORRECTION_REFUSED, ControlError, effect_of
from processor.domain.ledger import Row
from processor.domain.record import DeadLetter, Record, generation_of
from processor.domain.results import IntakeResult, add_pairs
from processor.domain.totals import merge as add_totals

__all__ = ["Pushback", "apply_control"]


class Pushback:
    """Records that are taken in runs, and of which a run can be given back.

    Args:
        records: in offset order; looped over once.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._iterator = iter(records)
        self._back: list[Record] = []

    def take(self, length: int) -> Iterable[Record]:
        """Return at most so many records, none if there are none left; loop over them before the next."""
        if self._back:
            run, self._back = self._back[:length], self._back[length:]
            return run
        return islice(self._iterator, length)

    def put_back(self, records: Sequence[Record]) -> None:
        """Give back records that were taken last."""
        self._back[:0] = records


def apply_control(
    record: Record,
    partition: int,
    rows: Mapping[bytes, Row | bytes],
    config: FoldConfig,
    total: IntakeResult,
    *,
    note: bool,
) -> None:
    """Add what a control record changes to what its batch came to so far.

    Args:
        record: the control record.
        partition: where it was read.
        rows: the ledgers as they are where it stands.
        config: the folds' settings.
        total: what the records before it came to.
        note: see `effect_of`.
    """
    if generation_of(record) != config.generation:
        return  # it speaks of another generation's ledgers
    why = ""
    try:
        effect = effect_of(record, partition, rows, config, note=note)
    except ControlError as error:
        why = str(error)
    else:
        total.ledgers.update(effect.rows)
        if effect.control is not None:
            total.taken_back += effect.control.taken_back
            add_pairs(total, effect.control.pair_changes)
            total.totals = add_totals(total.totals, effect.control.totals)
            total.corrections.append(effect.control.correction_id)
        elif not note:
            why = "ledger"
    if why:
        total.dead.append(DeadLetter(record, CORRECTION_REFUSED, why))
    total.counts.dead += bool(why)
    total.counts.corrected += not why
