"""Which pairs are evidence of a conflict, and which are only there because of something else."""

from itertools import combinations

from processor.domain.conflicts import weigh_pairs


def test_a_pair_once_is_no_evidence() -> None:
    """T11: only pairs from a count of 2 on are weighed."""
    weighed = weigh_pairs([("a", "b", 1), ("a", "c", 2)], {"a": 3, "b": 1, "c": 2}, 100)
    assert list(weighed) == [("a", "c")]
    assert weigh_pairs([], {}, 0) == {}


def test_a_rare_pair_that_always_fails_together_beats_two_popular_components() -> None:
    """By count the popular pair is first; by evidence it is chance."""
    sessions = {"popular-a": 400, "popular-b": 400, "rare-a": 8, "rare-b": 9}
    weighed = weigh_pairs([("popular-a", "popular-b", 45), ("rare-a", "rare-b", 7)], sessions, 3800)
    assert weighed["rare-a", "rare-b"].q_value < 1e-9
    assert weighed["popular-a", "popular-b"].q_value > 0.3
    assert weighed["rare-a", "rare-b"].g2 > weighed["popular-a", "popular-b"].g2


def test_the_ends_of_a_chain_are_explained_by_its_middle() -> None:
    """A fails with b, b with c: a and c meet only there, and b is named as the reason."""
    sessions = {"a": 60, "b": 100, "c": 60}
    weighed = weigh_pairs([("a", "b", 50), ("a", "c", 27), ("b", "c", 50)], sessions, 10_000)
    assert weighed["a", "c"].explained_by == "b"
    assert weighed["a", "b"].explained_by is None
    assert weighed["b", "c"].explained_by is None


def test_three_that_always_fail_together_are_not_all_explained_away() -> None:
    """The strongest stay: an explanation never rests on a pair that is itself explained."""
    weighed = weigh_pairs([("a", "b", 30), ("a", "c", 30), ("b", "c", 30)], dict.fromkeys("abc", 30), 10_000)
    assert [pair for pair, each in weighed.items() if each.explained_by] == [("b", "c")]


def test_a_conflict_of_its_own_is_not_explained_by_a_common_neighbour() -> None:
    """Three real conflicts among three components: each beyond what the third brings about."""
    sessions = dict.fromkeys("abc", 120)
    weighed = weigh_pairs([("a", "b", 55), ("a", "c", 55), ("b", "c", 55)], sessions, 10_000)
    assert all(each.explained_by is None for each in weighed.values())


def test_wide_sessions_are_no_conflicts() -> None:
    """Five sessions of thirty components: significant for each pair alone, and expected of them."""
    crowd = [f"c{number:02}" for number in range(30)]
    pairs = [(a, b, 5) for a, b in combinations(crowd, 2)] + [("x", "y", 20)]
    weighed = weigh_pairs(pairs, dict.fromkeys(crowd, 12) | {"x": 25, "y": 25}, 10_000)
    assert weighed["c00", "c01"].q_value < 0.001
    assert weighed["c00", "c01"].wide_chance > 0.01
    assert weighed["x", "y"].wide_chance < 1e-12
