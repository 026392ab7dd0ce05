"""Deltas: what a batch's events of one component add up to, in the same monoid as a stats row."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from processor.domain.stats import Stats
from schemas import OutcomeType
from schemas.times import to_us

__all__ = ["Times", "deltas_of", "time_us"]

Times = Mapping[str, Mapping[str, list[str]]]
"""By outcome and component the event times, in any order, as text of fixed width."""

NOTHING: Final[Mapping[tuple[str, str], list[str]]] = MappingProxyType({})
_FIRST_SEEN: Final = 4
_DEPRECATED: Final = 7

# Where in a stats row an outcome's number stands, and where its last time.
_COUNT_AT = {
    OutcomeType.INSTALL_SUCCESS.value: 0,
    OutcomeType.INSTALL_FAILURE.value: 1,
    OutcomeType.USED_IN_SESSION.value: 2,
    OutcomeType.REMOVED_BY_USER.value: 3,
}
_LAST_AT = {OutcomeType.INSTALL_SUCCESS.value: 5, OutcomeType.INSTALL_FAILURE.value: 6}


def time_us(time: str) -> int:
    """Return an event's time, as text of the decoder's form, in microseconds since the epoch."""
    return to_us(datetime.fromisoformat(time))


def deltas_of(times: Times, taken_back: Mapping[tuple[str, str], list[str]] = NOTHING) -> dict[str, Stats]:
    """Return one delta for each component.

    Texts of one width compare as times do, so that only the first and the last become numbers.

    Args:
        times: of the events that were counted.
        taken_back: by outcome and component, times among these that do not count after all.
    """
    rows: dict[str, list[Any]] = {}
    for outcome, by_component in times.items():
        count_at, last_at = _COUNT_AT.get(outcome), _LAST_AT.get(outcome)
        for component, counted in by_component.items():
            gone = taken_back.get((outcome, component))
            texts = _without(counted, gone) if gone else counted
            if not texts:
                continue
            first_us = time_us(min(texts))
            row = rows.get(component)
            if row is None:
                row = rows[component] = [0, 0, 0, 0, first_us, None, None, None]
            elif first_us < row[_FIRST_SEEN]:
                row[_FIRST_SEEN] = first_us
            if count_at is None:
                row[_DEPRECATED] = first_us
            else:
                row[count_at] = len(texts)
            if last_at is not None:
                row[last_at] = first_us if len(texts) == 1 else time_us(max(texts))
    return {component: tuple(row) for component, row in rows.items()}


def _without(texts: list[str], gone: list[str]) -> list[str]:
    """Return as many texts as are left without those that are gone, with the same first and last."""
    first, last, count = min(texts), max(texts), len(texts) - len(gone)
    if count > 1 and first not in gone and last not in gone:
        return [first, last, *texts[: count - 2]]
    return list((Counter(texts) - Counter(gone)).elements())
