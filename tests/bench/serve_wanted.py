"""What is wanted of serving, and whether a run met it; the limits are for a million rows and idle cores."""

from collections.abc import Iterator
from typing import Any

from tests.bench.goal import Goal

__all__ = ["serve_goals"]

IDS_PER_REQUEST = 1_000


def serve_goals(figures: dict[str, Any]) -> Iterator[Goal]:
    """Every row that the figures of the job can fill."""
    view, asked, page_ms = figures["view"], figures["http"], figures["page_ms"]
    caught_up, lookups, scores = view["catch_up"], asked["lookups"], asked["scores"]
    lookup_us, rows = view["success_rate_us"], f"{figures['rows']:,} rows"
    yield Goal("view.success_rate", f"{lookup_us:.2f} us", "under 1 us", lookup_us < 1)
    wall_s, peak_mb = caught_up["wall_s"], caught_up["peak_mb"]
    yield Goal(f"a view of {rows}, caught up", f"{wall_s:.1f} s", "under 10 s", wall_s < 10)
    yield Goal("the same from its snapshot", f"{view['from_snapshot_s']:.1f} s")
    yield Goal("its peak memory", f"{peak_mb:.0f} MB", "under 1,024 MB", peak_mb < 1024)
    days = view["days"]
    yield Goal(f"{figures['rows']:,} days of time lines, caught up", f"{days['wall_s']:.1f} s")
    yield Goal("its peak memory", f"{days['peak_mb']:.0f} MB")
    for name, each, unit, least in (
        ("HTTP, single lookups", lookups, 1, 8_000),
        ("HTTP, scores", scores, IDS_PER_REQUEST, 300_000),
    ):
        rate = each["per_s"] * unit
        yield Goal(f"{name}, a second", f"{rate:,.0f}", f"at least {least:,}", rate >= least)
        yield Goal(f"{name}, per CPU second of the service", f"{each['per_cpu_s'] * unit:,.0f}")
    if page_ms:
        p50_ms, worst_ms = page_ms[len(page_ms) // 2], page_ms[-1]
        value = f"{p50_ms:.0f} and {worst_ms:.0f} ms"
        yield Goal("from an event to the page, p50 and worst", value, "under 1,000 ms", worst_ms < 1000)
    else:
        yield Goal("from an event to the page", "no Chromium on this machine", "under 1,000 ms")
