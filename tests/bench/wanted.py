"""What is wanted of each figure, and whether this run met it: pure, from the figures of one run."""

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from tests.bench.goal import Goal
from tests.bench.numbers import spread
from tests.bench.serve_wanted import serve_goals

__all__ = ["Goal", "cost_us", "goals", "per_cpu_s", "per_wall_s"]

Figures = dict[str, Any]
MILLION = 1_000_000
LAGGING_MS = 2000  # a delay beyond this is a backlog
FLAT = 1.2  # the dearest number of components costs at most this many times the cheapest


def per_wall_s(round_: Figures) -> float:
    """Events per second."""
    return float(round_["events"] / round_["wall_s"])


def per_cpu_s(round_: Figures) -> float:
    """Events per second of the process's CPU time."""
    return float(round_["events"] / round_["cpu_s"])


def cost_us(round_: Figures) -> float:
    """CPU time per event, in microseconds."""
    return 1e6 / per_cpu_s(round_)


def goals(figures: Figures) -> list[Goal]:
    """Every row that the figures of a run can fill."""
    parts = {
        "throughput": _throughput,
        "components": _components,
        "delay": _delay,
        "partitions": _partitions,
        "million": _million,
        "publish": _publish,
        "serve": serve_goals,
    }
    return [goal for job, rows in parts.items() if job in figures for goal in rows(figures[job])]


def _throughput(jobs: Figures) -> Iterator[Goal]:
    ours, ceiling = jobs["fleetfold"], jobs["ceiling"]
    rounds = list(zip(ours, ceiling, strict=True))
    for name, rate in (("wall time", per_wall_s), ("CPU time", per_cpu_s)):
        share = spread([rate(mine) / rate(top) for mine, top in rounds])
        yield Goal(f"of the ceiling, {name}", share.text(2), "at least 0.5", share.median >= 0.5)
    mine = median(map(per_wall_s, ours))
    for rival, title, least in (("quix", "Quix Streams", None), ("plain_faust", "plain Faust", 20)):
        found = [each for each in jobs[rival] if "events" in each]
        if found:
            times = mine / median(map(per_wall_s, found))
            wanted = f"at least {least}" if least else ""
            yield Goal(f"times {title}", f"{times:.1f}", wanted, times >= least if least else None)
    peak_mb = max(each["peak_mb"] for each in ours)
    yield Goal("peak memory", f"{peak_mb:.0f} MB", "under 400 MB", peak_mb < 400)
    p50_ms, p99_ms = (spread([each[f"commit_{name}_ms"] for each in ours]).median for name in ("p50", "p99"))
    yield Goal("a commit, p50 and p99", f"{p50_ms:.0f} and {p99_ms:.0f} ms")
    yield Goal("start of the worker", f"{spread([each['restore']['start_s'] for each in ours]).text(1)} s")


def _components(growth: Figures) -> Iterator[Goal]:
    costs = {
        size["components"]: spread([cost_us(each) for each in size["fleetfold"]]) for size in growth["sizes"]
    }
    for components, cost in costs.items():
        yield Goal(f"{components:,} components", f"{cost.text(1)} us of CPU an event")
    if len(costs) > 1:
        medians = [cost.median for cost in costs.values()]
        ratio = max(medians) / min(medians)
        met = ratio <= FLAT if max(costs) >= MILLION else None
        yield Goal("the dearest over the cheapest of these", f"{ratio:.2f}", f"at most {FLAT}", met)


def _delay(held: Figures) -> Iterator[Goal]:
    yield from _held(held, cores=0.1, most_ms={"p50": 150, "p99": 300})


def _partitions(held: Figures) -> Iterator[Goal]:
    yield from _held(held, cores=0.3, most_ms={})


def _held(held: Figures, cores: float, most_ms: Mapping[str, int]) -> Iterator[Goal]:
    """Delay and CPU; a worker that lags behind the rate does not do the work, however little it takes."""
    name = f"{held['rate']:,}/s, {held['partitions']} partitions"
    for percentile in ("p50", "p99"):
        delay_ms, most = held["delay_ms"][percentile], most_ms.get(percentile)
        wanted, met = (f"under {most} ms", delay_ms < most) if most else ("", None)
        yield Goal(f"{name}: delay, {percentile}", f"{delay_ms:,.0f} ms", wanted, met)
    lags = held["delay_ms"]["p50"] > LAGGING_MS
    value = f"{held['cores']:.3f} of a core{', but it lags behind' if lags else ''}"
    yield Goal(f"{name}: CPU of the worker", value, f"under {cores}", held["cores"] < cores and not lags)
    yield Goal(f"{name}: CPU of the broker", f"{held['broker_cores']:.3f} of a core")


def _publish(held: Figures) -> Iterator[Goal]:
    """What one core does, and what an installer waits for."""
    for job, name, least in (
        ("publisher", "publisher, many hosts", 60_000),
        ("one_host", "publisher, one host", None),
        ("gateway", "gateway, 500 events a request", 15_000),
    ):
        value = f"{per_wall_s(held[job]):,.0f}/s, {per_cpu_s(held[job]):,.0f} per CPU s"
        wanted, met = (f"{least:,} per CPU s", per_cpu_s(held[job]) >= least) if least else ("", None)
        yield Goal(name, value, wanted and f"at least {wanted}", met)
    for job, name in (("record", "`record`"), ("record_offline", "`record` without Kafka")):
        delay = held[job]
        value = f"{delay['p50_ms']:.2f} and {delay['p99_ms']:.2f} ms"
        yield Goal(f"{name}: p50 and p99", value, "p99 under 1 ms", delay["p99_ms"] < 1)
    yield Goal("`record`, the first call", f"{held['record']['first_ms']:.1f} ms: it starts the thread")


def _million(held: Figures) -> Iterator[Goal]:
    for fleet in held["fleets"]:
        name = f"{fleet['hosts']:,} hosts and components, {fleet['ids']} ids a host"
        restore_s, peak_mb = fleet["restore"]["restore_s"], fleet["peak_mb"]
        # With full rings is harder than what is asked for: it is told, not judged.
        judged = fleet["hosts"] >= MILLION and fleet is held["fleets"][0]
        wanted_s, wanted_mb = ("under 8 s", "under 1,500 MB") if fleet is held["fleets"][0] else ("", "")
        yield Goal(f"{name}: restore", f"{restore_s:.1f} s", wanted_s, restore_s < 8 if judged else None)
        yield Goal(
            f"{name}: peak memory", f"{peak_mb:,.0f} MB", wanted_mb, peak_mb < 1500 if judged else None
        )
