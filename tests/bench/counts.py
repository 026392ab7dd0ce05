"""Whether every job counted what was published: a fast wrong answer is none. Pure."""

from collections.abc import Iterator
from typing import Any

__all__ = ["failures", "miscounts"]

Figures = dict[str, Any]
THROUGHPUT_JOBS = ("ceiling", "fleetfold", "quix", "plain_faust")


def miscounts(figures: Figures) -> list[str]:
    """Each round whose count differs from its events, in words."""
    return [
        f"{name}: {counted:,} counted of {events:,} events"
        for name, events, counted in _counts(figures)
        if counted != events
    ]


def failures(figures: Figures) -> list[str]:
    """Each job or rival that did not end well, in words; a rival that is missing is no failure."""
    jobs = [f"{job}: {why}" for job, why in figures.get("failed", {}).items()]
    return jobs + [f"{name}: {each['failed']}" for name, each in _rounds(figures) if "failed" in each]


def _counts(figures: Figures) -> Iterator[tuple[str, int, int]]:
    for name, each in _rounds(figures):
        if "events" in each:
            yield name, int(each["events"]), int(each["counted"])
    for job in ("delay", "partitions"):
        if job in figures:
            yield job, figures[job]["events"], figures[job]["counted"]
    for fleet in figures.get("million", {}).get("fleets", ()):
        yield f"million, {fleet['ids']} ids", fleet["events"], fleet["counted"]


def _rounds(figures: Figures) -> Iterator[tuple[str, Figures]]:
    for job in THROUGHPUT_JOBS:
        for each in figures.get("throughput", {}).get(job, ()):
            yield f"throughput, {job}", each
    for size in figures.get("components", {}).get("sizes", ()):
        for job in THROUGHPUT_JOBS:
            for each in size.get(job, ()):
                yield f"{size['components']:,} components, {job}", each
