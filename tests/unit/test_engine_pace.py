"""How long a partition rests after a small batch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.engine.pace import rest_until_s, tick_s

TIMES_S = st.floats(0, 1e5)
BETWEEN_S = st.floats(0.001, 60)


@given(TIMES_S, BETWEEN_S, st.booleans())
def test_a_rest_ends_at_a_tick(begun_s: float, between_s: float, is_inner: bool) -> None:
    """What gathers has at least half the time from tick to tick, and waits no longer than one and a half."""
    until_s = rest_until_s(begun_s, between_s, is_inner=is_inner)
    assert 0.499 * between_s <= until_s - begun_s <= 1.501 * between_s
    ticks = until_s / between_s - 0.25 * is_inner
    assert ticks == pytest.approx(round(ticks), abs=1e-3)


@given(TIMES_S, BETWEEN_S, st.floats(0.01, 0.49), st.booleans())
def test_rests_end_together(begun_s: float, between_s: float, part: float, is_inner: bool) -> None:
    """Batches that are folded soon after a tick are followed by one fetch, at the next."""
    tick = rest_until_s(begun_s, between_s, is_inner=is_inner)
    later = rest_until_s(tick + part * between_s, between_s, is_inner=is_inner)
    assert later == pytest.approx(tick + between_s)


def test_inner_partitions_follow_the_others() -> None:
    """What a fetch at a tick led to is fetched a quarter of the way to the next, not with the next."""
    assert rest_until_s(10.01, 0.2, is_inner=False) == pytest.approx(10.2)
    assert rest_until_s(10.06, 0.2, is_inner=True) == pytest.approx(10.25)


def test_many_partitions_gather_longer() -> None:
    """A broker writes to each partition for each transaction: 192 of them are not written to every 200 ms."""
    assert tick_s(0.2, 12) == 0.2
    assert tick_s(0.2, 192) == pytest.approx(0.576)
    assert tick_s(0.0, 1) > 0
