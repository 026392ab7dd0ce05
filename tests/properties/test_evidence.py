"""Laws of the formulas, for any counts."""

import math

from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from processor.domain.evidence import (
    Table,
    chance_bound,
    expected_count,
    lift,
    shrunk_rate,
    signed_g2,
    wilson,
)
from processor.domain.significance import benjamini_hochberg, p_values

counts = st.integers(0, 5_000)
rates = st.floats(0.001, 0.999)


@st.composite
def attempts(draw: st.DrawFn) -> tuple[int, int]:
    total = draw(st.integers(1, 5_000))
    return draw(st.integers(0, total)), total


tables = st.builds(Table.of, counts, counts, counts, counts)


@given(attempts())
def test_the_rate_lies_in_its_interval(tried: tuple[int, int]) -> None:
    """And the interval of failures is that of successes, mirrored."""
    successes, total = tried
    low, high = wilson(successes, total)
    assert 0.0 <= low <= successes / total <= high <= 1.0
    mirrored = wilson(total - successes, total)
    assert math.isclose(mirrored[0], 1 - high, abs_tol=1e-9)
    assert math.isclose(mirrored[1], 1 - low, abs_tol=1e-9)


@given(attempts())
def test_more_of_the_same_narrows_the_interval(tried: tuple[int, int]) -> None:
    """Ten times the attempts at the same rate: a narrower interval."""
    successes, total = tried
    low, high = wilson(successes, total)
    narrower = wilson(10 * successes, 10 * total)
    assert narrower[1] - narrower[0] < high - low


@given(attempts(), rates, st.floats(0.1, 1_000))
def test_a_shrunk_rate_lies_between_the_component_and_the_fleet(
    tried: tuple[int, int], fleet_rate: float, strength: float
) -> None:
    """It never leaves the two that it is drawn from."""
    successes, total = tried
    own = successes / total
    shrunk = shrunk_rate(successes, total, fleet_rate, strength)
    assert min(own, fleet_rate) - 1e-12 <= shrunk <= max(own, fleet_rate) + 1e-12


@given(attempts(), rates)
def test_the_chance_bound_is_never_below_the_exact_tail(tried: tuple[int, int], rate: float) -> None:
    """Chernoff's bound promises: what passes it is as rare as it says, or rarer."""
    failures, total = tried
    assert chance_bound(failures, total, rate) >= stats.binom.sf(failures - 1, total, rate) - 1e-9


@given(tables)
def test_a_pair_has_no_direction(table: Table) -> None:
    """Turned round, nothing changes."""
    turned = table.turned
    assert math.isclose(signed_g2(turned), signed_g2(table), rel_tol=1e-9, abs_tol=1e-6)
    assert expected_count(turned) == expected_count(table)


@given(tables)
def test_sign_lift_and_expectation_agree(table: Table) -> None:
    """More than expected is a lift above 1 and a G² that is not negative."""
    if expected_count(table):
        assert (signed_g2(table) >= -1e-6) or lift(table) <= 1.0
        assert (signed_g2(table) <= 1e-6) or lift(table) >= 1.0 - 1e-9


@given(st.lists(tables, max_size=30))
def test_p_and_q_are_probabilities_in_the_same_order(some: list[Table]) -> None:
    """A smaller p-value never has the larger q-value, and no q-value is below its p-value."""
    p = p_values(some)
    q = benjamini_hochberg(p)
    assert all(0.0 <= each <= 1.0 for each in [*p, *q])
    assert all(of_q >= of_p - 1e-12 for of_p, of_q in zip(p, q, strict=True))
    ordered = [each for _, each in sorted(zip(p, q, strict=True))]
    assert ordered == sorted(ordered)
