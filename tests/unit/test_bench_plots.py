"""The benchmark's pictures, from given figures."""

from pathlib import Path

import pytest

from tests.bench.plots import draw
from tests.bench.series import Series, delays, memory_by_components, peaks, rates_by_components
from tests.unit.bench_figures import made_up_run

PNG = b"\x89PNG\r\n"


def test_throughput_has_a_line_for_each_job_with_its_range() -> None:
    """Each point is the median of the rounds at that number of components."""
    ours, quix, faust = rates_by_components(made_up_run())
    assert (ours.name, quix.name, faust.name) == ("Fleetfold", "Quix Streams", "plain Faust")
    assert ours.x == (10_000, 1_000_000)
    assert ours.y == ours.low == ours.high == (200_000, 500_000 / 3)


def test_a_rival_without_figures_has_no_line() -> None:
    """One that is missing is not drawn at zero."""
    figures = made_up_run()
    for size in figures["components"]["sizes"]:
        size["quix"] = [{"missing": "quixstreams is not installed"}]
    assert [line.name for line in rates_by_components(figures)] == ["Fleetfold", "plain Faust"]


def test_the_delay_is_drawn_as_the_share_of_events_within_a_time() -> None:
    """From the smallest delay at 0 % to the largest at 100 %."""
    few, many = delays(made_up_run())
    assert few == Series(
        "1,000 events/s over 4 partitions", (20.0, 120.0, 240.0, 360.0), (0.0, 50.0, 99.0, 100.0)
    )
    assert many.name == "1,000 events/s over 64 partitions"


def test_memory_is_the_largest_of_the_rounds() -> None:
    """By number of components if that was run, else by job."""
    assert memory_by_components(made_up_run())[0].y == (300.0, 300.0)
    assert dict(peaks(made_up_run()))["Quix Streams"] == 100.0
    assert not memory_by_components({})
    assert not peaks({})


def test_pictures_are_written(tmp_path: Path) -> None:
    """Three pictures of a whole run; of a run without delays and components, memory alone."""
    pytest.importorskip("matplotlib", reason="it is in the extra `bench`, which only `make bench` installs")
    whole = draw(made_up_run(), tmp_path / "new" / "folder")
    assert [path.name for path in whole] == ["throughput.png", "delay.png", "memory.png"]
    assert all(path.read_bytes().startswith(PNG) for path in whole)
    part = draw({"throughput": made_up_run()["throughput"]}, tmp_path)
    assert [path.name for path in part] == ["memory.png"]
    assert draw({}, tmp_path) == []
