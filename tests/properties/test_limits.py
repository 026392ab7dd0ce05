"""The limits of a partition's tables: whatever the batches, the same rows are there, and each is exact."""

from collections import Counter
from itertools import pairwise
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from processor.domain.config import FoldConfig
from processor.domain.door import TOO_MANY_HOSTS
from processor.domain.intake import fold
from processor.domain.merge import fold_pairs
from processor.domain.room import changes_within, crowded_out
from schemas.cofailure import pair_key
from tests.records import FakeRecord, event, record, uuid_of

T = TypeVar("T")
CUTS = st.lists(st.integers(0, 40), max_size=6)
PAIRS = [("a", "b"), ("a", "c"), ("b", "c"), ("c", "d")]


def cut(items: list[T], cuts: list[int]) -> list[list[T]]:
    bounds = [0, *sorted(min(each, len(items)) for each in cuts), len(items)]
    return [items[first:end] for first, end in pairwise(bounds)]


@given(st.lists(st.sampled_from("abcdefgh"), max_size=40), CUTS, st.integers(1, 9))
def test_the_first_components_come_in_whatever_the_batches(
    names: list[str], cuts: list[int], limit: int
) -> None:
    """X12: the rows are those of the first components in offset order, and each counts all its deltas."""
    rows: Counter[str] = Counter()
    sealed = False
    for batch in cut(names, cuts):
        touched = Counter(batch)
        refused = crowded_out(touched.keys(), rows, limit, sealed=sealed)
        sealed = sealed or bool(refused)
        rows.update({name: count for name, count in touched.items() if name not in refused})
    first = list(dict.fromkeys(names))[:limit]
    assert rows == Counter(name for name in names if name in first)
    assert sealed is (len(set(names)) > limit)


@st.composite
def changes(draw: st.DrawFn) -> list[tuple[tuple[str, str], int]]:
    """Signed changes as intake sends them: no count ever falls below 0."""
    counts: Counter[tuple[str, str]] = Counter()
    made = []
    for pair, wish in draw(st.lists(st.tuples(st.sampled_from(PAIRS), st.integers(-3, 3)), max_size=40)):
        change = max(wish, -counts[pair])
        counts[pair] += change
        made.append((pair, change))
    return made


@given(changes(), CUTS, st.integers(1, 4))
def test_a_pair_that_is_there_is_exact(
    made: list[tuple[tuple[str, str], int]], cuts: list[int], limit: int
) -> None:
    """X12: under any limit and any batches, no more rows than the limit, and each that is there is exact."""
    rows: dict[bytes, int] = {}
    sealed = False
    for batch in cut(made, cuts):
        taken = changes_within(batch, lambda pair: pair_key(*pair), rows) if sealed else batch
        touched = fold_pairs(taken, rows.get)
        for key in crowded_out(touched.keys(), rows, limit, sealed=sealed):
            sealed = True
            del touched[key]
        for key, (_, count) in touched.items():
            if count:
                rows[key] = count
            else:
                del rows[key]
        assert len(rows) <= limit
    true = Counter[bytes]()
    for pair, change in made:
        true[pair_key(*pair)] += change
    assert all(true[key] == count for key, count in rows.items())
    assert sealed or rows == {key: count for key, count in true.items() if count}


@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=40), CUTS, st.integers(1, 9))
def test_the_first_hosts_come_in_whatever_the_batches(
    drawn: list[tuple[int, bool]], cuts: list[int], limit: int
) -> None:
    """X12: each event counts whole or is a dead letter, and which depends on the order of events alone."""
    config = FoldConfig(partitions=1, hosts_max=limit)
    odd = {"timestamp": "2026-01-02T14:00:00.1+02:00"}  # decoded by itself, after its neighbours
    records = [
        record(event(host_id=f"h{number}", event_id=uuid_of(place), **odd if is_odd else {}), offset=place)
        for place, (number, is_odd) in enumerate(drawn)
    ]
    numbers = [number for number, _ in drawn]
    known: dict[bytes, object] = {}
    counted, dead = 0, list[FakeRecord]()
    for batch in cut(records, cuts):
        result = fold(batch, 0, known, config)  # type: ignore[arg-type] # rows are looked at by the fold alone
        known |= result.ledgers
        counted += result.counts.events
        assert {letter.reason for letter in result.dead} <= {TOO_MANY_HOSTS}
        dead += [letter.record for letter in result.dead]  # type: ignore[misc] # as they were put in
    first = list(dict.fromkeys(numbers))[:limit]
    assert set(known) == {f"h{number}".encode() for number in first}
    assert [each.offset for each in dead] == [p for p, number in enumerate(numbers) if number not in first]
    assert counted + len(dead) == len(numbers)
