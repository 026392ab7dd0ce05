"""How long a view takes to catch up with many rows, and a lookup in it."""

import asyncio
import gc
import json
import sys
import timeit
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from processor.serve import OutcomeView
from processor.settings import Settings, load_settings
from tests.bench.measure import Stopwatch

__all__ = ["lookup_us", "main"]

LOOKUPS = 1_000_000


def lookup_us(view: OutcomeView, component_id: str) -> float:
    """Return the time of one `success_rate`, in microseconds."""
    return timeit.timeit(lambda: view.success_rate(component_id), number=LOOKUPS) / LOOKUPS * 1e6


async def measure(settings: Settings, rows: int) -> dict[str, Any]:
    """Catch up, look up, save, and begin again from the file."""
    gc.set_threshold(500_000, 50, 1000)
    watch = Stopwatch()
    view = await OutcomeView.open(settings=settings)
    watch.stop()
    caught_up = watch.figures(rows)
    assert len(view.rows.values) == rows
    looked_up_us = lookup_us(view, f"pkg:bench/component-{rows // 2}")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "view.snapshot"
        await view.save_snapshot(path)
        await view.close()
        del view
        gc.collect()
        watch = Stopwatch()
        async with await OutcomeView.open(settings=settings, snapshot_path=path) as again:
            watch.stop()
            restarted = watch.figures(rows)
            assert len(again.rows.values) == rows
    return {
        "catch_up": caught_up.as_dict(),
        "success_rate_us": looked_up_us,
        "from_snapshot_s": restarted.wall_s,
    }


async def measure_days(settings: Settings, rows: int) -> dict[str, Any]:
    """Catch up with the days of time lines alone."""
    watch = Stopwatch()
    async with await OutcomeView.open(settings=settings, history=True) as view:
        watch.stop()
        assert view.days is not None
        assert (view.days.count, view.bad_rows) == (rows, 0)
    return watch.figures(rows).as_dict()


def main(bootstrap: str, prefix: str, rows: int, what: str) -> None:
    """Print the figures as JSON."""
    settings = load_settings(bootstrap=bootstrap, topic_prefix=prefix)
    measured = measure_days(settings, rows) if what == "days" else measure(settings, rows)
    print(json.dumps(asyncio.run(measured)))  # noqa: T201 -- read by the benchmark


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
