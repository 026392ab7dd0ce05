from datetime import UTC, datetime
from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from processor.domain.notes import Notes, deprecated_us, merge_notes, revoked, stated
from processor.domain.stats import EMPTY, Stats, from_json, from_model, merge, of_event, to_json, to_model
from schemas import OutcomeType
from schemas.times import to_us

counts = st.integers(0, 2**40)
times_us = st.none() | st.integers(0, to_us(datetime(9999, 12, 31, tzinfo=UTC)))


@st.composite
def some_notes(draw: st.DrawFn) -> Notes | None:
    """Draw notes as events and revocations make them."""
    at_us = st.integers(0, 10)
    deprecated = [stated(1, each, each) for each in draw(st.lists(at_us, max_size=3))]
    taken = [*deprecated, *map(revoked, draw(st.lists(at_us, max_size=2)))]
    return reduce(merge_notes, taken, None)


rows: st.SearchStrategy[Stats] = st.tuples(
    counts, counts, counts, counts, times_us, times_us, times_us, some_notes(), counts
)
events = st.tuples(st.sampled_from(OutcomeType), st.integers(0, 10))


@given(rows, rows, rows)
def test_merge_is_associative(a: Stats, b: Stats, c: Stats) -> None:
    """S1: the grouping of changes cannot change a row."""
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@given(rows, rows)
def test_merge_is_commutative(a: Stats, b: Stats) -> None:
    """S1: the order of changes cannot change a row."""
    assert merge(a, b) == merge(b, a)


@given(rows)
def test_empty_is_the_identity(row: Stats) -> None:
    """S1: a change of nothing changes nothing."""
    assert merge(EMPTY, row) == row == merge(row, EMPTY)


@given(st.lists(st.lists(events)), st.randoms(use_true_random=False))
def test_any_split_and_order_gives_the_row_of_the_sorted_history(
    batches: list[list[tuple[OutcomeType, int]]], random: object
) -> None:
    """S1: a history, in any order and any split into batches, equals what a plain count of it says."""
    history = [event for batch in batches for event in batch]
    deltas = [reduce(merge, (of_event(*event) for event in batch), EMPTY) for batch in batches]
    random.shuffle(deltas)  # type: ignore[attr-defined]  # Hypothesis hands out a random.Random
    row = reduce(merge, deltas, EMPTY)

    def times(*wanted: OutcomeType) -> list[int]:
        return [at_us for outcome_type, at_us in history if outcome_type in wanted]

    gone = times(OutcomeType.DEPRECATED)
    successes, failures = times(OutcomeType.INSTALL_SUCCESS), times(OutcomeType.INSTALL_FAILURE)
    assert row == (
        len(successes),
        len(failures),
        len(times(OutcomeType.USED_IN_SESSION)),
        len(times(OutcomeType.REMOVED_BY_USER)),
        min(times(*OutcomeType), default=None),
        max(successes, default=None),
        max(failures, default=None),
        (len(gone), min(gone), max(gone), None, False) if gone else None,
        0,
    )


@given(st.text(), rows)
def test_json_and_model_are_inverse(component_id: str, row: Stats) -> None:
    """S13: a row keeps its exact values through the changelog and through the contract's model."""
    assert from_json(to_json(component_id, row)) == (component_id, row)
    assert from_model(to_model(component_id, row)) == row
    assert to_json(component_id, row) == to_model(component_id, row).model_dump_json().encode()


@given(st.lists(st.integers(0, 10)), st.lists(st.integers(0, 10)), st.randoms(use_true_random=False))
def test_deprecation_and_its_revocation_know_no_order(
    deprecated: list[int], revocations: list[int], random: Any
) -> None:
    """T15: the earliest deprecation; after a revocation the newest one later than it, in any order."""
    taken = [stated(1, each, each) for each in deprecated] + [revoked(each) for each in revocations]
    random.shuffle(taken)
    after = [each for each in deprecated if not revocations or each > max(revocations)]
    expected = None if not after else max(after) if revocations else min(after)
    assert deprecated_us(reduce(merge_notes, taken, None)) == expected
