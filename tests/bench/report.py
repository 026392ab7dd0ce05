"""The table that people read: every figure of one run, beside what is wanted of it. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from tests.bench.counts import failures, miscounts
from tests.bench.numbers import spread
from tests.bench.wanted import Goal, goals, per_cpu_s, per_wall_s

__all__ = ["DOES", "report"]

Figures = dict[str, Any]
DOES = {
    "ceiling": ("ceiling", "fetches and decodes, no more: aiokafka's getmany and orjson.loads"),
    "fleetfold": (
        "Fleetfold",
        "exactly once: statistics, duplicates dropped, failure sessions, pairs, host ledger",
    ),
    "quix": (
        "Quix Streams",
        "exactly once: statistics only, in RocksDB with its changelog, after group_by component",
    ),
    "plain_faust": ("plain Faust", "at least once: counts by component and outcome only, in memory"),
}
"""Each job's name in the table, and what it does."""

HELD = "  By components: Fleetfold holds all of them before it is timed, a rival those that its events meet"
BUSY_SHARE = 0.25  # an idle machine has a load of nearly 0

_COLUMNS = (14, 10, 27, 27, 8)


def report(figures: Figures) -> str:
    """Return the tables of one run's figures; of the jobs that were run."""
    parts: list[list[str]] = [_machine(figures["machine"])] if "machine" in figures else []
    if "throughput" in figures:
        jobs = figures["throughput"]
        title = f"Throughput: median (range) of the rounds; events of {jobs['event_bytes']:.0f} bytes"
        parts.append([title, *_table(jobs)])
    parts.extend(
        [f"The same with {size['components']:,} components", *_table(size)]
        for size in figures.get("components", {}).get("sizes", ())
    )
    if "throughput" in figures or "components" in figures:
        parts.append(["What each does", *(f"  {name:14}{does}" for name, does in DOES.values())])
    if "components" in figures:
        parts[-1].append(HELD)
    rows = goals(figures)
    if rows:
        parts.append(["Beside what is wanted", *map(_goal, rows)])
    wrong = [*miscounts(figures), *failures(figures)]
    if wrong:
        parts.append(["WRONG", *(f"  {line}" for line in wrong)])
    return "\n\n".join("\n".join(part) for part in parts)


def _machine(machine: Figures) -> list[str]:
    cores, load = machine["cores"], machine["load_before"]
    lines = [f"Python {machine['python']} on {cores} cores of {machine['processor']}, broker and all"]
    if load > cores * BUSY_SHARE:
        lines.append(
            f"The load was {load:.1f} before the start: others used the cores, and took from every figure"
        )
    return lines


def _table(jobs: Figures) -> Iterator[str]:
    yield _line(("", "events", "events/s", "per CPU second", "peak MB"))
    for job, (name, _) in DOES.items():
        rounds = [each for each in jobs.get(job, ()) if "events" in each]
        if rounds:
            yield _line(
                (
                    name,
                    f"{rounds[0]['events']:,}",
                    spread([per_wall_s(each) for each in rounds]).text(),
                    spread([per_cpu_s(each) for each in rounds]).text(),
                    f"{max(each['peak_mb'] for each in rounds):,.0f}",
                )
            )
        elif jobs.get(job):
            why = jobs[job][0].get("missing") or f"failed: {jobs[job][0]['failed']}"
            yield f"  {name:{_COLUMNS[0]}}{why}"


def _line(cells: Sequence[str]) -> str:
    first, *others = (f"{cell:{'<' if not at else '>'}{_COLUMNS[at]}}" for at, cell in enumerate(cells))
    return "  " + first + "".join(others)


def _goal(goal: Goal) -> str:
    verdict = {True: "met", False: "MISSED", None: ""}[goal.met]
    wanted = f"wanted: {goal.wanted}" if goal.wanted else ""
    return f"  {goal.name:57} {goal.value:35} {wanted:23} {verdict}".rstrip()
