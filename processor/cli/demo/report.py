"""What the demo found, and whether it is what was planted; each line says what is real."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from processor.cli.common import console, harmless, print_table
from processor.cli.demo.input import Published
from processor.serve.queries import PairRow, StatsRow, most_failing, pairs, removed
from processor.serve.surprise import RankedPair, most_surprising

__all__ = ["FAILING_LINES", "Found", "print_report"]

FAILING_LINES = 8
_LINES = 8
_REAL_LINES = 3
_MANY_REMOVALS = 2
# Chance alone gives a G² above this to one pair in 1,000.
_SURPRISING = 10.83


@dataclass(frozen=True, slots=True)
class Found:
    """The result rows, the fleet's failure sessions, how long it took, and failures over time as pictures."""

    stats: Sequence[StatsRow]
    pairs: Sequence[PairRow]
    sessions: int
    events: int
    took_s: float
    sparks: Mapping[str, str]


def print_report(found: Found, published: Published) -> None:
    """Print what was folded and found."""
    rate = found.events / found.took_s
    console.print()
    console.print(
        f"Folded {found.events:,} events in {found.took_s:.1f} s, {rate:,.0f} a second "
        "(from the first publishing to the last result committed).",
        style="bold",
    )
    _print_input(published)
    _print_counted(found, published)
    _print_this_machine(found, published)
    _print_failing(found, published)
    _print_removed(found, published)
    _print_pairs(found, published)


def _print_input(published: Published) -> None:
    if published.real_events:
        host = harmless(published.host_id)
        console.print(
            f"  real       {published.real_events:>9,} events: this machine's own package log, as host {host}"
        )
    else:
        console.print(f"  real               0 events: {harmless(published.why_no_log)}")
    plan = published.plan
    console.print(
        f"  simulated  {plan.events:>9,} events: a made-up fleet of {plan.hosts:,} hosts (sim-...) and "
        f"{plan.components:,} components (pkg:sim/...)"
    )


def _print_counted(found: Found, published: Published) -> None:
    """Hold the results against what was published: a lost or doubled event would show in the sum."""
    counted = sum(
        row["install_successes"] + row["install_failures"] + row["usage_count"] + row["removal_count"]
        for row in found.stats
    )
    counted += len(published.planted.deprecated)  # an event each, and no counter
    exact = counted == found.events
    verdict = "each event exactly once" if exact else "NOT each event exactly once: please report it"
    console.print(
        f"  counted    {counted:>9,} events in the results: {verdict}", style="" if exact else "red"
    )


def _print_this_machine(found: Found, published: Published) -> None:
    """Say what the real log held; in the lists below the made-up fleet is louder."""
    real = [row for row in found.stats if _source(row["component_id"]) == "real"]
    if not published.real_events:
        return
    installed = sum(row["install_successes"] for row in real)
    console.print()
    console.print(
        f"This machine (real): {len(real):,} packages, {installed:,} installs that worked, "
        f"{sum(row['install_failures'] for row in real):,} that failed, "
        f"{sum(row['removal_count'] for row in real):,} removals"
    )
    for row in most_failing(real, _REAL_LINES):
        console.print(f"  failed {row['install_failures']} times: {harmless(row['component_id'])}")


def _print_failing(found: Found, published: Published) -> None:
    rows = most_failing(found.stats, FAILING_LINES)
    columns = ("component", "failed", "over 48 hours", "installed", "rate", "problematic", "where from")
    cells = [
        (
            row["component_id"],
            f"{row['install_failures']:,}",
            found.sparks.get(row["component_id"], ""),
            f"{row['install_successes']:,}",
            f"{row['success_rate']:.0%}",
            "yes" if row["is_problematic"] else "",
            _source(row["component_id"]),
        )
        for row in rows
    ]
    console.print()
    print_table(columns, cells, title="Most failing components", right=("failed", "installed", "rate"))
    flagged = {row["component_id"] for row in found.stats if row["is_problematic"]}
    _print_planted("problematic components", published.planted.problematic, flagged)


def _print_removed(found: Found, published: Published) -> None:
    rows = sorted(removed(found.stats, _MANY_REMOVALS), key=lambda row: -row["removal_count"])
    cells = [
        (
            row["component_id"],
            f"{row['removal_count']:,}",
            f"{row['install_successes']:,}",
            _source(row["component_id"]),
        )
        for row in rows[:_LINES]
    ]
    console.print()
    if not cells:
        console.print(f"Nothing was removed {_MANY_REMOVALS} times or more.")
        return
    columns = ("component", "removed", "installed", "where from")
    print_table(columns, cells, title="Frequently removed", right=("removed", "installed"))
    top = {row["component_id"] for row in rows[: len(published.planted.removed) + _LINES]}
    _print_planted("often removed components", published.planted.removed, top)


def _print_pairs(found: Found, published: Published) -> None:
    planted = set(published.planted.conflicts)
    ranked = most_surprising(pairs(found.pairs), found.stats, found.sessions)
    surprising = {_ids(pair) for pair in ranked if pair.surprise > _SURPRISING}
    shown = ranked[: max(_LINES, len(planted))]
    cells = [
        (
            pair.component_a,
            pair.component_b,
            f"{pair.count:,}",
            f"{pair.expected:,.1f}",
            f"{pair.surprise:,.0f}",
            "planted" if _ids(pair) in planted else _source(pair.component_a),
        )
        for pair in shown
    ]
    console.print()
    columns = ("component", "fails together with", "sessions", "by chance", "surprise", "where from")
    title = "Pairs that fail together, most surprising first (surprise: signed G², above 10.8 is no chance)"
    print_table(columns, cells, title=title, right=("sessions", "by chance", "surprise"))
    _print_planted(
        "conflicts", [f"{a} + {b}" for a, b in sorted(planted)], {f"{a} + {b}" for a, b in surprising}
    )


def _print_planted(what: str, planted: Sequence[str], found: Collection[str]) -> None:
    """Say which of the planted ones were found."""
    missed = [name for name in planted if name not in found]
    line = f"  planted {what}: {len(planted) - len(missed)} of {len(planted)} found"
    console.print(line + (f"; missed: {harmless(', '.join(missed))}" if missed else ""))


def _ids(pair: RankedPair) -> tuple[str, str]:
    return (pair.component_a, pair.component_b)


def _source(component_id: str) -> str:
    return "simulated" if component_id.startswith("pkg:sim/") else "real"
