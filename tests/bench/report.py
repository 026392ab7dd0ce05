"""The table that people read: every figure of one run, beside what is wanted of it."""

from collections.abc import Iterator
from typing import Any

from tests.bench.publish_report import publish_rows

__all__ = ["report"]

Figures = dict[str, Any]


def report(figures: Figures) -> str:
    """Return the table of one run's figures."""
    return "\n".join(("", *_throughput(figures["throughput"]), "", *_wanted(figures)))


def _throughput(jobs: Figures) -> Iterator[str]:
    yield f"{'':26}{'events':>10}{'events/s':>11}{'per CPU s':>11}{'peak MB':>9}"
    for name, job in (
        ("ceiling: fetch and decode", "ceiling"),
        ("Fleetfold", "fleetfold"),
        ("plain Faust", "plain_faust"),
    ):
        row = jobs[job]
        yield f"{name:26}{row['events']:10,}{_rate(row):11,.0f}{_cpu_rate(row):11,.0f}{row['peak_mb']:9.0f}"


def _wanted(figures: Figures) -> Iterator[str]:
    jobs, late, back = figures["throughput"], figures["latency"], figures["restore"]
    ours, ceiling, faust = jobs["fleetfold"], jobs["ceiling"], jobs["plain_faust"]
    core = late["worker_cpu_s"] / late["duration_s"]
    rows: list[tuple[str, str, str]] = [
        ("events per CPU second", f"{_cpu_rate(ours):,.0f}", "at least 110,000"),
        ("of the ceiling, wall time", f"{_rate(ours) / _rate(ceiling):.2f}", "at least 0.3"),
        ("of the ceiling, CPU time", f"{_cpu_rate(ours) / _cpu_rate(ceiling):.2f}", ""),
        ("times plain Faust", f"{_rate(ours) / _rate(faust):.1f}", "at least 20"),
        ("peak memory", f"{ours['peak_mb']:.0f} MB", "under 400 MB"),
        ("commits", f"{ours['commits']:,}", ""),
        ("a commit, p50 and p99", f"{ours['commit_p50_ms']:.0f} and {ours['commit_p99_ms']:.0f} ms", ""),
        ("start of the worker", f"{ours['start_s']:.1f} s", ""),
        ("delay at 1,000/s, p50", f"{late['p50_ms']:.0f} ms", "under 220 ms"),
        ("delay at 1,000/s, p99", f"{late['p99_ms']:.0f} ms", "under 450 ms"),
        ("worker at 1,000/s", f"{core:.2f} of a core, its start included", ""),
        (
            f"restoring {back['events']:,} rows",
            f"{back['wall_s']:.1f} s, {back['peak_mb']:.0f} MB",
            "under 10 s",
        ),
        ("size of an event", f"{jobs['event_bytes']:.0f} bytes on average", ""),
    ]
    rows += publish_rows(figures["publish"])
    for name, value, wanted in rows:
        yield f"{name:26}{value:34}{wanted and 'wanted: ' + wanted}".rstrip()


def _rate(row: Figures) -> float:
    return float(row["events"] / row["wall_s"])


def _cpu_rate(row: Figures) -> float:
    return float(row["events"] / row["cpu_s"])
