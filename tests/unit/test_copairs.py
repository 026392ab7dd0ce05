from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from processor.domain.copairs import GAP_US, co_failure_counts, sessions_of

SECOND_US = 1_000_000


def test_gap_of_exactly_60_s_stays_together() -> None:
    """T11, S5: 60 s apart is one session, a microsecond more is two."""
    assert co_failure_counts([(0, "a"), (60 * SECOND_US, "b")]) == {("a", "b"): 1}
    assert co_failure_counts([(0, "a"), (60 * SECOND_US + 1, "b")]) == {}


def test_gap_is_between_neighbours() -> None:
    """T11: a session may last longer than its gap."""
    failures = [(number * 50 * SECOND_US, name) for number, name in enumerate("abc")]
    assert co_failure_counts(failures) == {("a", "b"): 1, ("a", "c"): 1, ("b", "c"): 1}


def test_each_pair_counts_once_a_session() -> None:
    """T11: a component that fails over and over in a session makes no more pairs, and none with itself."""
    failures = [(0, "a"), (1, "b"), (2, "a"), (3, "b"), (200 * SECOND_US, "b"), (201 * SECOND_US, "a")]
    assert co_failure_counts(failures) == {("a", "b"): 2}


def test_pairs_stand_in_the_order_in_which_they_were_first_counted() -> None:
    """T11: the earlier session's pairs come first, whatever the order in which failures arrive."""
    later, earlier = [(200 * SECOND_US, "a"), (200 * SECOND_US, "b")], [(0, "y"), (1, "x"), (2, "z")]
    assert list(co_failure_counts(later + earlier)) == [("x", "y"), ("x", "z"), ("y", "z"), ("a", "b")]


def test_ids_are_compared_by_code_point() -> None:
    """T11: upper case before lower case, and no locale."""
    assert list(co_failure_counts([(0, "é"), (0, "z"), (0, "Z")])) == [("Z", "z"), ("Z", "é"), ("z", "é")]


failures_st = st.lists(
    st.tuples(st.integers(0, 400).map(lambda ten_s: ten_s * 10 * SECOND_US), st.sampled_from("abcd"))
)


@given(failures_st)
def test_sessions_are_what_the_definition_says(failures: list[tuple[int, str]]) -> None:
    """T11: sessions hold every failure once, in order, and break exactly where a gap exceeds 60 s."""
    sessions = list(sessions_of(failures))
    assert [failure for session in sessions for failure in session] == sorted(failures)
    for session in sessions:
        assert all(later[0] - sooner[0] <= GAP_US for sooner, later in pairwise(session))
    for sooner, later in pairwise(sessions):
        assert later[0][0] - sooner[-1][0] > GAP_US
