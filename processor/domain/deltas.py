"""Deltas: what a batch's events of one component add up to, in the same monoid as a stats row."""

from collections.abc import Mapping, Sequence

import numpy as np

from processor.domain.events import Numbers
from processor.domain.history import HOUR_US, Spread, spread_of
from processor.domain.names import OUTCOME_NUMBERS, OUTCOMES
from processor.domain.notes import stated
from processor.domain.stats import EMPTY, Stats
from schemas import OutcomeType

__all__ = ["deltas_of", "hours_of", "spreads_of", "with_sessions"]

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
    by_kind = counts.reshape(-1, _KINDS).T.tolist()
    first_seen_us = first_us.reshape(-1, _KINDS).min(axis=1).tolist()
    last_success_us, last_failure_us = last_us.reshape(-1, _KINDS).T[:2].tolist()
    notes = {
        place // _KINDS: stated(int(counts[place]), int(first_us[place]), int(last_us[place]))
        for place in (np.flatnonzero(counts[_DEPRECATED::_KINDS]) * _KINDS + _DEPRECATED).tolist()
    }
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
            0,
        )
        for number, (name, (
            successes, failures, uses, removals, gone, seen_us, success_us, failure_us
        )) in enumerate(zip(names, columns, strict=True))
        if seen_us != _NEVER_US
    }  # fmt: skip


def with_sessions(deltas: dict[str, Stats], changes: Mapping[str, int]) -> None:
    """Put the changes of failure sessions into the deltas, in place; of some components they are all."""
    for component, change in changes.items():
        if change:
            deltas[component] = (*deltas.get(component, EMPTY)[:-1], change)


def spreads_of(
    components: Numbers, outcomes: Numbers, times_us: Numbers, names: Sequence[str]
) -> dict[str, Spread]:
    """Return the counts by hour of the components whose counts are not all of the hour of their first event.

    Mostly all events of a batch are of one hour, which is seen at once.

    Args:
        components: of each event, its component's number.
        outcomes: of each event, its place in OUTCOMES.
        times_us: when each happened, in microseconds since the epoch.
        names: the components, by number.
    """
    if not len(times_us) or times_us.min() // HOUR_US == times_us.max() // HOUR_US:
        return {}
    hours = times_us // HOUR_US
    first = np.full(len(names), _NEVER_US)
    np.minimum.at(first, components, hours)
    counted = outcomes != _DEPRECATED
    wide = np.zeros(len(names), np.bool_)
    wide[components[counted & (hours != first[components])]] = True
    places = np.flatnonzero(counted & wide[components])
    kinds = np.stack((components[places], hours[places], outcomes[places]))
    return {names[component]: spread_of(counts) for component, counts in _by_hour(kinds).items()}


def hours_of(
    components: Numbers, outcomes: Numbers, times_us: Numbers, names: Sequence[str]
) -> dict[str, dict[int, list[int]]]:
    """Return by component the counts of each hour since the epoch; arguments as of `spreads_of`."""
    places = np.flatnonzero(outcomes != _DEPRECATED)
    kinds = np.stack((components[places], times_us[places] // HOUR_US, outcomes[places]))
    return {names[component]: counts for component, counts in _by_hour(kinds).items()}


def _by_hour(kinds: Numbers) -> dict[int, dict[int, list[int]]]:
    """Return counts by component and hour; given are columns of component, hour and outcome."""
    found, numbers = np.unique(kinds, axis=1, return_counts=True)
    by_hour: dict[int, dict[int, list[int]]] = {}
    for component, hour, outcome, number in zip(*found.tolist(), numbers.tolist(), strict=True):
        by_hour.setdefault(component, {}).setdefault(hour, [0, 0, 0, 0])[outcome] = number
    return by_hour
