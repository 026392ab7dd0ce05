"""What happened to a component lately: a row for each of its days, and the hours of the newest of them.

Times are event times in UTC. How far the rows reach back is counted from the component's own newest event,
not from a clock: 90 days, that of the newest event among them, and of these the hours that may be among the
last 48. So the rows follow from the events alone. `deprecated` is no count, and stands in no row.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, Self

import orjson
from pydantic import BaseModel, Field

from schemas.quoted import quoted
from schemas.times import UtcTime

__all__ = [
    "DAYS",
    "HOURS",
    "ComponentHistory",
    "HistoryBucket",
    "HistoryDay",
    "history_key",
    "parse_history_key",
]

DAYS: Final = 90
"""So many days are kept, that of the component's newest event included."""

HOURS: Final = 48
"""So many hours can be told apart, that of the component's newest event included."""

Count = Annotated[int, Field(ge=0)]
HourOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3])$")]
HourCounts = tuple[Count, Count, Count, Count]


class HistoryDay(BaseModel):
    """One day of one component; a day without a count has no row."""

    component_id: str
    day: date = Field(description="In UTC")
    install_successes: int = Field(ge=0)
    install_failures: int = Field(ge=0)
    usage_count: int = Field(ge=0)
    removal_count: int = Field(ge=0)
    hours: dict[HourOfDay, HourCounts] = Field(
        description='By the hour in UTC, "00" to "23": successes, failures, uses, removals. Only hours with '
        "a count; empty once the whole day is more than 48 hours older than the component's newest event"
    )


class HistoryBucket(BaseModel):
    """What happened within one hour, or one day."""

    start: UtcTime = Field(description="When it begins")
    install_successes: int = Field(ge=0)
    install_failures: int = Field(ge=0)
    usage_count: int = Field(ge=0)
    removal_count: int = Field(ge=0)


class ComponentHistory(BaseModel):
    """The time line of one component."""

    component_id: str
    hours: list[HistoryBucket] = Field(
        max_length=HOURS,
        description="The last 48 hours up to the newest event: those with a count, oldest first",
    )
    days: list[HistoryBucket] = Field(
        max_length=DAYS,
        description="The last 90 days up to the newest event: those with a count, oldest first",
    )

    @classmethod
    def from_days(cls, component_id: str, rows: Iterable[HistoryDay]) -> Self:
        """Return the time line that a component's rows of `component-history` hold.

        Args:
            component_id: which component.
            rows: its rows, in any order; none gives an empty time line.
        """
        days = sorted(rows, key=lambda row: row.day)
        hours = [bucket for row in days for bucket in _hours(row)]
        first = hours[-1].start - timedelta(hours=HOURS - 1) if hours else None
        return cls(
            component_id=component_id,
            hours=[bucket for bucket in hours if first is not None and bucket.start >= first],
            days=[
                HistoryBucket(
                    start=_midnight(row.day),
                    install_successes=row.install_successes,
                    install_failures=row.install_failures,
                    usage_count=row.usage_count,
                    removal_count=row.removal_count,
                )
                for row in days
            ],
        )


def _hours(row: HistoryDay) -> Iterator[HistoryBucket]:
    for hour, (successes, failures, uses, removals) in sorted(row.hours.items()):
        yield HistoryBucket(
            start=_midnight(row.day) + timedelta(hours=int(hour)),
            install_successes=successes,
            install_failures=failures,
            usage_count=uses,
            removal_count=removals,
        )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def history_key(component_id: str, day: str) -> bytes:
    """Return the key of a row of `component-history`: `["component_id","2026-11-24"]`."""
    return b'[%b,"%b"]' % (quoted(component_id), day.encode())


def parse_history_key(key: bytes) -> tuple[str, str]:
    """Return the component's id and the day, as `2026-11-24`, of a row of `component-history`.

    Raises:
        ValueError: not a key that `history_key` wrote.
    """
    try:
        parts: Any = orjson.loads(key)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{key!r} is no history row's key") from error
    match parts:
        case [str(component_id), str(day)]:
            return component_id, day
        case _:
            raise ValueError(f"{key!r} is no history row's key")
