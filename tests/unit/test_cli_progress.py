"""Long work tells how far it is, and for some how long it will still take."""

import pytest

from processor.cli import progress as module
from processor.cli.progress import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands at what the test last put there."""
    now_s = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now_s[-1])
    return now_s


def test_the_time_left_follows_from_the_pace(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """What was done before does not count for the pace: a rebuild that goes on begins far up the bar."""
    with progress("rebuilding", tells_left=True) as bar:
        bar.update(completed=1_000, total=5_000)
        clock.append(10.0)
        bar.update(completed=2_000, total=9_000)
    assert "rebuilding: 2,000 of 9,000, 0:01:10 left" in capsys.readouterr().err


def test_without_a_pace_nothing_is_promised(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """While nothing moves, and where nobody asked for it, no time is told."""
    with progress("waiting", tells_left=True) as bar:
        bar.update(completed=5, total=10)
        clock.append(6.0)
        bar.update(completed=5)
    with progress("counting", total=10) as bar:
        clock.append(20.0)
        bar.update(completed=5)
    assert "left" not in capsys.readouterr().err
