"""What the pictures show, as numbers: pure, from the figures of one run."""

from dataclasses import dataclass
from typing import Any

from tests.bench.numbers import spread
from tests.bench.report import DOES
from tests.bench.wanted import per_wall_s

__all__ = ["Series", "delays", "memory_by_components", "peaks", "rates_by_components"]

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a picture.

    Attributes:
        name: for the legend.
        x: where.
        y: how much there.
        low: the least of the rounds there; empty if there is no range.
        high: the most.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


def rates_by_components(figures: Figures) -> list[Series]:
    """Events per second, one line a job, with the range of its rounds."""
    found = []
    for job, (name, _) in DOES.items():
        points = _points(figures, job)
        if points:
            rates = [spread([per_wall_s(each) for each in rounds]) for _, rounds in points]
            found.append(
                Series(
                    name,
                    tuple(components for components, _ in points),
                    tuple(rate.median for rate in rates),
                    tuple(rate.low for rate in rates),
                    tuple(rate.high for rate in rates),
                )
            )
    return found


def memory_by_components(figures: Figures) -> list[Series]:
    """Peak memory in MB, one line a job."""
    found = []
    for job, (name, _) in DOES.items():
        points = _points(figures, job)
        if points:
            peaks_mb = tuple(max(each["peak_mb"] for each in rounds) for _, rounds in points)
            found.append(Series(name, tuple(components for components, _ in points), peaks_mb))
    return found


def peaks(figures: Figures) -> list[tuple[str, float]]:
    """Peak memory in MB of each job of the throughput table."""
    jobs = figures.get("throughput", {})
    measured = {name: _measured(jobs, job) for job, (name, _) in DOES.items()}
    return [(name, max(each["peak_mb"] for each in rounds)) for name, rounds in measured.items() if rounds]


def delays(figures: Figures) -> list[Series]:
    """The share of events (%) whose delay is at most so many milliseconds, one line a steady rate."""
    found = []
    for job in ("delay", "partitions"):
        if job in figures:
            held = figures[job]
            points = sorted((value, float(name[1:])) for name, value in held["delay_ms"].items())
            name = f"{held['rate']:,} events/s over {held['partitions']} partitions"
            found.append(Series(name, tuple(ms for ms, _ in points), tuple(share for _, share in points)))
    return found


def _points(figures: Figures, job: str) -> list[tuple[int, list[Figures]]]:
    """By number of components: the rounds of a job that were measured."""
    sizes = figures.get("components", {}).get("sizes", ())
    rounds = ((size["components"], _measured(size, job)) for size in sizes)
    return [(components, found) for components, found in rounds if found]


def _measured(jobs: Figures, job: str) -> list[Figures]:
    return [each for each in jobs.get(job, ()) if "events" in each]
