"""When a dead worker is started again, by a clock of the test's own."""

import pytest

from processor.restarts import GiveUp, Limits, Restart, Restarts

LIMITS = Limits(deaths=5, window_s=60, pause_first_s=1, pause_max_s=8)


def longest(limits: Limits = LIMITS) -> Restarts:
    """A policy whose chance always draws the longest pause."""
    return Restarts(limits, lambda: 1.0)


def test_pauses_double_up_to_their_limit() -> None:
    """Each further death of a worker waits twice as long, and no longer than the limit."""
    restarts = longest(Limits(deaths=0, window_s=60, pause_first_s=1, pause_max_s=8))
    pauses = [restarts.on_death(1, 1, now_s) for now_s in range(6)]
    assert pauses == [Restart(1), Restart(2), Restart(4), Restart(8), Restart(8), Restart(8)]


def test_a_very_long_row_of_deaths_keeps_the_longest_pause() -> None:
    """No number of deaths makes the pause overflow."""
    restarts = longest(Limits(deaths=0, window_s=1e9, pause_first_s=1, pause_max_s=8))
    assert [restarts.on_death(1, 1, 0) for _ in range(2000)][-1] == Restart(8)


def test_chance_spreads_pauses_over_their_upper_half() -> None:
    """Workers that died together do not come back together."""
    chance = iter([0.0, 0.5])
    restarts = Restarts(LIMITS, lambda: next(chance))
    assert restarts.on_death(1, 1, 0) == Restart(0.5)
    assert restarts.on_death(2, 1, 0) == Restart(0.75)


@pytest.mark.parametrize("code", [2, 3])
def test_what_a_restart_cannot_mend_ends_all(code: int) -> None:
    """X8: exit codes 2 and 3 are passed on at once, and the worker is named."""
    decision = longest().on_death(4, code, 0)
    assert isinstance(decision, GiveUp)
    assert decision.code == code
    assert "worker 4" in decision.why


@pytest.mark.parametrize("code", [0, 1, -9, -15, 130])
def test_any_other_end_is_followed_by_a_restart(code: int) -> None:
    """A worker that somebody stopped or killed by itself is missed all the same."""
    assert longest().on_death(1, code, 0) == Restart(1)


def test_repeated_quick_deaths_end_all() -> None:
    """The fifth death of one worker within the window gives up with exit code 1, and says so."""
    restarts = longest()
    for now_s in range(4):
        assert isinstance(restarts.on_death(1, -9, now_s), Restart)
    assert restarts.on_death(1, -9, 59.9) == GiveUp(1, "worker 1 died 5 times within 60 s, last with code -9")


def test_deaths_outside_the_window_are_forgotten() -> None:
    """A death exactly a window ago no longer counts, for giving up or for the pause."""
    restarts = longest()
    for now_s in range(4):
        restarts.on_death(1, 1, now_s)
    assert restarts.on_death(1, 1, 60.0) == Restart(8)
    assert restarts.on_death(1, 1, 200.0) == Restart(1)


def test_each_worker_is_judged_by_itself() -> None:
    """S11: a broker's outage ends many workers at once, which is one death of each."""
    restarts = longest()
    assert [restarts.on_death(number, 1, 0) for number in range(8)] == [Restart(1)] * 8
