"""Small pictures made of characters, for terminals: how much of something, and how it went over time."""

from collections.abc import Iterable, Sequence

__all__ = ["bar", "counted", "spark"]

_LEVELS = "▁▂▃▄▅▆▇█"
_FULL, _EMPTY = "█", "░"


def bar(share: float, width: int = 10) -> str:
    """Return a bar of so many cells, filled by a share of 0 to 1; what is not nothing fills one cell."""
    cells = round(min(max(share, 0.0), 1.0) * width)
    if share > 0 and not cells:
        cells = 1
    if share < 1 and cells == width:
        cells = width - 1
    return _FULL * cells + _EMPTY * (width - cells)


def spark(values: Sequence[float]) -> str:
    """Return one character per value, the higher the larger; nothing is the lowest."""
    most = max(values, default=0)
    if most <= 0:
        return _LEVELS[0] * len(values)
    top = len(_LEVELS) - 1
    return "".join(_LEVELS[max(round(value / most * top), 1 if value > 0 else 0)] for value in values)


def counted(times_us: Iterable[int], width: int = 30) -> list[int]:
    """Return how many of the times fall into each of `width` equal steps between the first and the last."""
    times = sorted(times_us)
    counts = [0] * width
    if not times:
        return counts
    span = max(times[-1] - times[0], 1)
    for time_us in times:
        counts[min((time_us - times[0]) * width // span, width - 1)] += 1
    return counts
