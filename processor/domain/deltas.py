"""Deltas: what a batch's events of one component add up to, in the same monoid as a stats row."""

from collections.abc import Sequence

import numpy as np

from processor.domain.events import Numbers
from processor.domain.names import OUTCOME_NUMBERS, OUTCOMES
from processor.domain.notes import stated
from processor.domain.stats import Stats
from schemas import OutcomeType

__all__ = ["deltas_of"]

_KINDS = len(OUTCOMES)
_DEPRECATED = OUTCOME_NUMBERS[OutcomeType.DEPRECATED.value]
_LONG_AGO_US, _NEVER_US = np.iinfo(np.int64).min, np.iinfo(np.int64).max


def deltas_of(
    components: Numbers, outcomes: Numbers, times_us: Numbers, names: Sequence[str]
) -> dict[str, Stats]:
    """Return one delta for each component that has an event.

    Args:
        components: of each event, its component's number.
        outcomes: of each event, its place in OUTCOMES.
        times_us: when each happened, in microseconds since the epoch.
        names: the components, by number.
    """
    kinds = components * _KINDS + outcomes
    size = len(names) * _KINDS
    counts = np.bincount(kinds, minlength=size)
    first_us, last_us = np.full(size, _NEVER_US), np.full(size, _LONG_AGO_US)
    np.minimum.at(first_us, kinds, times_us)
    np.maximum.at(last_us, kinds, times_us)
    notes = {
        place // _KINDS: stated(int(counts[place]), int(first_us[place]), int(last_us[place]))
        for place in (np.flatnonzero(counts[_DEPRECATED::_KINDS]) * _KINDS + _DEPRECATED).tolist()
    }
    by_kind = counts.reshape(-1, _KINDS).T.tolist()
    first_seen_us = first_us.reshape(-1, _KINDS).min(axis=1).tolist()
    last_success_us, last_failure_us = last_us.reshape(-1, _KINDS).T[:2].tolist()
    columns = zip(*by_kind, first_seen_us, last_success_us, last_failure_us, strict=True)
    return {
        name: (
            successes,
            failures,
            uses,
            removals,
            seen_us,
            success_us if successes else None,
            failure_us if failures else None,
            notes.get(number) if gone else None,
        )
        for number, (name, (
            successes, failures, uses, removals, gone, seen_us, success_us, failure_us
        )) in enumerate(zip(names, columns, strict=True))
        if seen_us != _NEVER_US
    }  # fmt: skip
