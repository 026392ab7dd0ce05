"""Time lines as numbers in equal steps, for pictures and files: those without a count stand there too."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal, TypedDict

from schemas import ComponentHistory, HistoryBucket
from schemas.history import DAYS, HOURS
from schemas.times import format_us, to_us

__all__ = ["Count", "HistoryRow", "Window", "filled", "grouped", "history_rows", "newest"]

Window = Literal["hours", "days"]
Count = Literal["install_successes", "install_failures", "usage_count", "removal_count"]

_STEPS: dict[Window, tuple[timedelta, int]] = {
    "hours": (timedelta(hours=1), HOURS),
    "days": (timedelta(days=1), DAYS),
}


class HistoryRow(TypedDict):
    """One step of one time line in a file: `step` is `hour` or `day`, `start` its begin, RFC 3339 UTC."""

    component_id: str
    step: str
    start: str
    install_successes: int
    install_failures: int
    usage_count: int
    removal_count: int


def newest(histories: Iterable[ComponentHistory], window: Window) -> datetime | None:
    """Return when the newest step with a count begins; None if there is none."""
    return max((each.start for history in histories for each in _buckets(history, window)), default=None)


def filled(history: ComponentHistory, window: Window, end: datetime | None, count: Count) -> list[int]:
    """Return a count for every step of a window.

    Args:
        history: the time line.
        window: by hour or by day.
        end: the begin of the last step, that several time lines may share; None gives zeros.
        count: of what.
    """
    step, steps = _STEPS[window]
    counts = [0] * steps
    if end is None:
        return counts
    for each in _buckets(history, window):
        back = (end - each.start) // step
        if 0 <= back < steps:
            counts[-1 - back] = getattr(each, count)
    return counts


def grouped(counts: Sequence[int], cells: int) -> list[int]:
    """Return the sums of so many equal groups of counts; it must be possible to part them so.

    Raises:
        ValueError: they cannot be parted into so many.
    """
    size, rest = divmod(len(counts), cells)
    if rest:
        raise ValueError(f"{len(counts)} counts cannot be parted into {cells} groups")
    return [sum(counts[begin : begin + size]) for begin in range(0, len(counts), size)]


def history_rows(histories: Iterable[ComponentHistory]) -> Iterator[HistoryRow]:
    """Yield every step that has a count, of one component after the other: days first, then hours."""
    for history in histories:
        for step, buckets in (("day", history.days), ("hour", history.hours)):
            for each in buckets:
                yield HistoryRow(
                    component_id=history.component_id,
                    step=step,
                    start=format_us(to_us(each.start)),
                    install_successes=each.install_successes,
                    install_failures=each.install_failures,
                    usage_count=each.usage_count,
                    removal_count=each.removal_count,
                )


def _buckets(history: ComponentHistory, window: Window) -> list[HistoryBucket]:
    return history.hours if window == "hours" else history.days
