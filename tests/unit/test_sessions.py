"""Failure sessions at their edges."""

import pytest

from processor.domain.config import FoldConfig
from processor.domain.sessions import NOTHING, Pair, Session, add_failure, effect_of, is_late

S = 1_000_000
CONFIG = FoldConfig()


def grow(
    *failures: tuple[str, int], config: FoldConfig = CONFIG
) -> tuple[tuple[Session, ...], dict[Pair, int], int]:
    """Return the sessions, the summed changes and the mass failures after these failures."""
    sessions: tuple[Session, ...] = ()
    total: dict[Pair, int] = {}
    masses = 0
    for component, at_us in failures:
        assert not is_late(sessions, at_us, config)
        sessions, effect = add_failure(sessions, component, at_us, config)
        assert 0 not in {*effect[0].values(), *effect[1].values()}
        masses += effect[-1]
        for pair, change in effect[0].items():
            total[pair] = total.get(pair, 0) + change
    return sessions, {pair: count for pair, count in total.items() if count}, masses


@pytest.mark.parametrize("order", [1, -1])
def test_a_gap_of_exactly_60_s_joins(order: int) -> None:
    """S5: failures 60 s apart stand in one session, in either order."""
    sessions, pairs, _ = grow(*[("a", 0), ("b", 60 * S)][::order])
    assert sessions == ((0, 60 * S, ("a", "b")),)
    assert pairs == {("a", "b"): 1}


@pytest.mark.parametrize("order", [1, -1])
def test_a_microsecond_more_parts(order: int) -> None:
    """S5: failures 60.000001 s apart stand in two."""
    sessions, pairs, _ = grow(*[("a", 0), ("b", 60 * S + 1)][::order])
    assert sessions == ((0, 0, ("a",)), (60 * S + 1, 60 * S + 1, ("b",)))
    assert pairs == {}


def test_a_late_arrival_joins_two_sessions() -> None:
    """S5: the pairs across the join are counted, and a pair that stood in both halves counts once."""
    sessions, pairs, _ = grow(("a", 0), ("b", 0), ("a", 100 * S), ("b", 100 * S), ("c", 50 * S))
    assert sessions == ((0, 100 * S, ("a", "b", "c")),)
    assert pairs == {("a", "b"): 1, ("a", "c"): 1, ("b", "c"): 1}


def test_a_component_again_changes_no_pair() -> None:
    """A component that fails twice in a session counts once, but its time moves the session's end."""
    sessions, pairs, _ = grow(("a", 0), ("b", 1), ("a", 50 * S), ("c", 110 * S))
    assert sessions == ((0, 110 * S, ("a", "b", "c")),)
    assert set(pairs.values()) == {1}


def test_a_failure_joins_any_number_of_sessions() -> None:
    """Intervals read back after the gap was widened may all be near one failure."""
    near = ((0, 0, ("a",)), (10 * S, 10 * S, ("b",)), (20 * S, 20 * S, ("a", "b")))
    sessions, effect = add_failure(near, "c", 15 * S, CONFIG)
    assert sessions == ((0, 20 * S, ("a", "b", "c")),)
    assert effect == ({("a", "c"): 1, ("b", "c"): 1}, {"a": -1, "b": -1, "c": 1}, -2, 0, 0)


def test_late_is_older_than_the_retention() -> None:
    """A failure exactly the retention before the newest is not late; a microsecond older is."""
    sessions, _, _ = grow(("a", 3_600 * S))
    assert not is_late(sessions, 0, CONFIG)
    assert is_late(sessions, -1, CONFIG)
    assert not is_late((), -1, CONFIG)


def test_a_session_stays_while_a_failure_may_join_it() -> None:
    """A session leaves only when it ended more than retention + gap before the newest failure."""
    edge = 3_660 * S
    kept, _, _ = grow(("a", 0), ("b", edge))
    assert [session[0] for session in kept] == [0, edge]
    pruned, _, _ = grow(("a", 0), ("b", edge + 1))
    assert [session[0] for session in pruned] == [edge + 1]
    joined, pairs, _ = grow(("a", 0), ("b", edge), ("c", 60 * S))
    assert joined[0] == (0, 60 * S, ("a", "c"))
    assert pairs == {("a", "c"): 1}


def test_a_mass_failure_withdraws_its_pairs() -> None:
    """S7: at the cap pairs count, beyond it they are withdrawn; it counts once and keeps no components."""
    config = FoldConfig(mass_failure_cap=3)
    three = [("a", 0), ("b", 1), ("c", 2)]
    assert grow(*three, config=config)[1:] == ({("a", "b"): 1, ("a", "c"): 1, ("b", "c"): 1}, 0)
    assert grow(*three, ("d", 3), config=config) == (((0, 3, None),), {}, 1)
    assert grow(*three, ("d", 3), ("e", 4), ("a", 5), config=config) == (((0, 5, None),), {}, 1)


def test_a_mass_failure_stays_one() -> None:
    """S7: joined with another session it stays one and withdraws that one's pairs, whatever the cap is."""
    mass = ((0, 5, None),)
    sessions, effect = add_failure((*mass, (100 * S, 100 * S, ("a", "b"))), "c", 50 * S, CONFIG)
    assert sessions == ((0, 100 * S, None),)
    assert effect == ({("a", "b"): -1}, {"a": -1, "b": -1}, -1, 0, 0)
    assert add_failure(mass, "a", 6, FoldConfig(mass_failure_cap=0)) == (((0, 6, None),), NOTHING)


def test_mass_failures_that_join_are_one() -> None:
    """S7: two mass failures and what stands between them become one; nothing else was counted."""
    masses = ((0, 5, None), (100 * S, 100 * S, None))
    sessions, effect = add_failure(masses, "c", 50 * S, CONFIG)
    assert sessions == ((0, 100 * S, None),)
    assert effect == ({}, {}, 0, -1, 0)


def test_who_stands_in_a_session() -> None:
    """S2: the first failure opens a session, each other component enters it once, and no more."""
    sessions, first = add_failure((), "a", 0, CONFIG)
    assert first == ({}, {"a": 1}, 1, 0, 0)
    sessions, other = add_failure(sessions, "b", 1, CONFIG)
    assert other == ({("a", "b"): 1}, {"b": 1}, 0, 0, 0)
    assert add_failure(sessions, "b", 2, CONFIG)[1] is NOTHING


def test_a_mass_failure_takes_back_its_components() -> None:
    """S7: those that stood in it stand there no more, the last one never did, and the session is none."""
    sessions, _, _ = grow(("a", 0), ("b", 1), ("c", 2))
    _, effect = add_failure(sessions, "d", 3, FoldConfig(mass_failure_cap=3))
    assert effect[1:] == ({"a": -1, "b": -1, "c": -1}, -1, 1, 1)


def test_what_sessions_come_to() -> None:
    """Sessions that were not counted when they grew are counted as they stand."""
    sessions = ((0, 0, ("a", "b")), (100 * S, 100 * S, ("b",)), (200 * S, 200 * S, None))
    assert effect_of(sessions) == ({}, {"a": 1, "b": 2}, 2, 1, 0)
    assert effect_of(()) == NOTHING


def test_cap_0_turns_it_off() -> None:
    """S7: without a cap a session of a hundred components counts all its pairs."""
    failures = [(f"c{number:03d}", number) for number in range(100)]
    _, pairs, masses = grow(*failures, config=FoldConfig(mass_failure_cap=0))
    assert len(pairs) == 4_950
    assert masses == 0


@pytest.mark.parametrize("order", [1, -1])
def test_too_many_bytes_are_a_mass_failure(order: int) -> None:
    """X12: a session too large for its share of the ledger is a mass failure, in any order."""
    config = FoldConfig(mass_failure_cap=0)
    fitting = config.session_limit_bytes // 259  # ids of 256 ASCII characters, quotes and a comma
    failures = [(f"{number:0256d}", number) for number in range(fitting)]
    assert grow(*failures[::order], config=config)[2] == 0
    one_more = [*failures, (f"{fitting:0256d}", fitting)]
    sessions, pairs, masses = grow(*one_more[::order], config=config)
    assert sessions == ((0, fitting, None),)
    assert (pairs, masses) == ({}, 1)
