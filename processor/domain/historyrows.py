"""Rows of `component-history`: what the topic says of a component's days."""

from collections.abc import Mapping, MutableMapping
from datetime import date
from functools import lru_cache
from typing import Any, Final

import orjson

from processor.domain.history import STEP, Day, with_day
from schemas.history import history_key, parse_history_key

__all__ = ["HistoryError", "from_json", "row_key", "to_json", "with_rows"]

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_HOUR_NAMES: Final = tuple(f"{hour:02}" for hour in range(24))


class HistoryError(ValueError):
    """A row of `component-history` that this version cannot read."""


def row_key(component_id: str, day: int) -> bytes:
    """Return the key of a component's row of one day, given in days since the epoch."""
    return history_key(component_id, _day_text(day))


def to_json(component_id: str, day: Day) -> bytes:
    """Return a row as a value of `component-history`: the JSON of `HistoryDay`."""
    return orjson.dumps(
        {
            "component_id": component_id,
            "day": _day_text(day[0]),
            "install_successes": day[1],
            "install_failures": day[2],
            "usage_count": day[3],
            "removal_count": day[4],
            "hours": {_HOUR_NAMES[day[at]]: day[at + 1 : at + STEP] for at in range(STEP, len(day), STEP)},
        }
    )


def from_json(value: bytes) -> Day:
    """Return the day that a value says, as `to_json` wrote it.

    Raises:
        HistoryError: not such a value.
    """
    try:
        fields: dict[str, Any] = orjson.loads(value)
        day = [
            _day_number(fields["day"]),
            fields["install_successes"],
            fields["install_failures"],
            fields["usage_count"],
            fields["removal_count"],
        ]
        for hour, counts in sorted(fields["hours"].items()):
            day += (int(hour), *counts)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise HistoryError(f"not a component's day: {value[:80]!r}: {error!r}") from error
    return day


def with_rows(states: MutableMapping[bytes, bytes], rows: Mapping[bytes, bytes | None]) -> None:
    """Take rows of `component-history` into the components' histories, in place: what recovery reads.

    Args:
        states: by the components' ids in UTF-8.
        rows: values by key; None for a tombstone.

    Raises:
        HistoryError: a row is none of ours.
    """
    for key, value in rows.items():
        try:
            component_id, day_text = parse_history_key(key)
            number = _day_number(day_text)
        except ValueError as error:
            raise HistoryError(f"not the key of a component's day: {key!r}") from error
        component = component_id.encode()
        state = with_day(states.get(component), number, None if value is None else from_json(value))
        if state is None:
            states.pop(component, None)
        else:
            states[component] = state


@lru_cache(maxsize=1024)
def _day_text(day: int) -> str:
    return date.fromordinal(_EPOCH_DAY + day).isoformat()


@lru_cache(maxsize=1024)
def _day_number(text: str) -> int:
    return date.fromisoformat(text).toordinal() - _EPOCH_DAY
