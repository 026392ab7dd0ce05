"""Sessions kept as intervals equal the sorted history's, whatever the order of arrival."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.domain.config import FoldConfig
from processor.domain.effects import Effects
from processor.domain.sessions import Pair, Session, add_failure, is_late
from schemas.times import from_us, to_us
from tests.oracle import failure_sessions

S = 1_000_000
START_US = to_us(datetime(2026, 1, 2, tzinfo=UTC))
RETENTION_S = 1_800

# A grid with both sides of the 60 s edge, so that joins and near misses are common.
steps = st.sampled_from([0, 1, 30 * S, 60 * S, 60 * S + 1, 90 * S])
components = st.sampled_from("abcdefgh")


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int]]:
    """Draw failures within the retention, in any order."""
    at_us, failures = START_US, []
    for component, step in draw(st.lists(st.tuples(components, steps), max_size=18)):
        at_us += step
        failures.append((component, at_us))
    return draw(st.permutations(failures))


def grown(failures: list[tuple[str, int]], config: FoldConfig) -> tuple[tuple[Session, ...], Effects]:
    """Return the sessions, and the sum of all changes, in which no count was ever below 0."""
    sessions: tuple[Session, ...] = ()
    total = Effects()
    for component, at_us in failures:
        if not is_late(sessions, at_us, config):
            sessions, effect = add_failure(sessions, component, at_us, config)
            total.take(effect)
            assert all(total.pairs[pair] >= 0 for pair in effect[0])
            assert all(total.components[each] >= 0 for each in effect[1])
            assert min(total.sessions, total.mass_failures) >= 0
    return sessions, total


@pytest.mark.parametrize("cap", [0, 2, 3, 50])
@given(histories())
def test_any_order_gives_the_sorted_historys_sessions(cap: int, failures: list[tuple[str, int]]) -> None:
    """S5, S7: intervals and summed changes equal those of the sorted history."""
    config = FoldConfig(mass_failure_cap=cap)
    sessions, total = grown(failures, config)
    expected = failure_sessions([(from_us(at_us), component) for component, at_us in failures])
    over = [bool(cap) and len(names) > cap for _, _, names in expected]
    assert sessions == tuple(
        (to_us(first), to_us(last), None if mass else tuple(sorted(names)))
        for (first, last, names), mass in zip(expected, over, strict=True)
    )
    assert total.became_mass >= sum(over)
    assert (total.sessions, total.mass_failures) == (over.count(False), over.count(True))
    pairs: Counter[Pair] = Counter()
    standing: Counter[str] = Counter()
    for (_, _, names), mass in zip(expected, over, strict=True):
        if not mass:
            pairs.update(combinations(sorted(names), 2))
            standing.update(names)
    assert +Counter(total.pairs) == pairs
    assert +Counter(total.components) == standing


@given(
    st.lists(
        st.tuples(components, st.integers(0, 40).map(lambda step: START_US + step * 97 * S)), max_size=25
    )
)
def test_pruning_loses_nothing(failures: list[tuple[str, int]]) -> None:
    """S5: with late failures left out, the short memory of the ledger gives the counts of an endless one."""
    config = FoldConfig(retention_us=RETENTION_S * S)
    endless = FoldConfig(retention_us=24 * 3_600 * S)
    newest_us = 0
    on_time = []
    for component, at_us in failures:
        if at_us >= newest_us - RETENTION_S * S:
            on_time.append((component, at_us))
            newest_us = max(newest_us, at_us)
    sessions, total = grown(failures, config)
    all_sessions, all_total = grown(on_time, endless)
    assert total.pairs == all_total.pairs
    assert total.components == all_total.components
    assert total.sessions == all_total.sessions
    assert sessions == all_sessions[len(all_sessions) - len(sessions) :]
    assert len(sessions) <= config.sessions_max


def test_the_oracle_agrees_on_the_gap() -> None:
    """S5: the oracle, which is written apart, breaks at more than 60 s and not at 60 s."""
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    minute = timedelta(seconds=60)
    assert len(failure_sessions([(noon, "a"), (noon + minute, "b")])) == 1
    assert len(failure_sessions([(noon, "a"), (noon + minute + timedelta(microseconds=1), "b")])) == 2
