"""How long a partition rests after a small batch."""

import pytest

from processor.engine.ownership import Membership
from processor.engine.pace import TICK_S, rest_until_s
from tests.unit.test_engine_ownership import A, B, owning


@pytest.mark.parametrize("begun_s", [0.0, 7.0, 1_234.56])
def test_what_the_broker_gathers_is_no_rest(begun_s: float) -> None:
    """Where the broker gathers long enough, or no limit is set, nothing rests."""
    assert rest_until_s(begun_s, 10, 0.1) == begun_s
    assert rest_until_s(begun_s, 20, 0.1) == begun_s
    assert rest_until_s(begun_s, 0, 0.1) == begun_s


@pytest.mark.parametrize("begun_s", [0.0, 7.01, 1_234.56])
def test_a_lower_rate_is_kept_by_resting(begun_s: float) -> None:
    """Two transactions a second rest half a second, less what the broker gathers, to a tick."""
    until_s = rest_until_s(begun_s, 2, 0.1)
    assert 0.4 - 1e-9 <= until_s - begun_s <= 0.4 + TICK_S
    assert until_s / TICK_S == pytest.approx(round(until_s / TICK_S))


def test_a_partition_at_rest_is_not_fetched() -> None:
    """A partition at rest is not idle; a new assignment ends every rest."""
    ownership = owning(A, B)
    ownership.resting.add(A)
    assert ownership.idle() == [B]
    ownership.revoke()
    ownership.plan([A, B], Membership("me", 2))
    ownership.resume()
    assert set(ownership.idle()) == {A, B}
