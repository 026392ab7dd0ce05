"""Packed deltas and pairs: what goes in comes out, under the limit, where it belongs."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.domain.history import NO_SPREAD, Spread, spread_of
from processor.domain.packing import (
    ENTRY_BYTES_MAX,
    PackingError,
    pack_deltas,
    pack_pairs,
    unpack_deltas,
    unpack_pairs,
)
from processor.domain.partition import partition_of, partition_of_pair
from processor.domain.stats import Stats
from schemas import COMPONENT_ID_MAX

LIMIT = ENTRY_BYTES_MAX + 40
ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=COMPONENT_ID_MAX)
counts = st.integers(0, 2**63 - 1)
times = st.none() | st.integers(0, 253_402_300_799_999_999)
notes = st.none() | st.tuples(counts, times, times, times, st.booleans())
changes = st.integers(-(2**40), 2**40)
stats = st.tuples(counts, counts, counts, counts, times, times, times, notes, changes)
flat = st.lists(st.integers(0, 2**40), min_size=5, max_size=5)
deltas_and_spreads = st.dictionaries(ids, st.tuples(stats, st.none() | st.tuples(flat, flat)), max_size=60)


@given(deltas_and_spreads, st.integers(1, 9))
def test_deltas_come_out_as_they_went_in(
    wanted: dict[str, tuple[Stats, Spread | None]], partitions: int
) -> None:
    """X12: a batch's deltas are split by bytes, under the limit, each to its component's partition."""
    deltas = {component: delta for component, (delta, _) in wanted.items()}
    spreads = {component: spread for component, (_, spread) in wanted.items() if spread is not None}
    unpacked = {}
    for partition, value in pack_deltas(deltas, spreads, partitions, LIMIT):
        assert len(value) <= LIMIT
        for component, delta, spread in unpack_deltas(value):
            assert partition_of(component.encode(), partitions) == partition
            assert component not in unpacked
            unpacked[component] = delta, spread
    assert unpacked == wanted


def test_deltas_of_the_release_before_are_read() -> None:
    """S13: golden bytes that tell neither hours nor failure sessions: they change no history."""
    value = b'{"v":1,"deltas":[["pkg:deb/x",1,2,3,4,5,6,7,null],["y",0,0,1,0,9,null,null,null]]}'
    assert unpack_deltas(value) == [
        ("pkg:deb/x", (1, 2, 3, 4, 5, 6, 7, None, 0), NO_SPREAD),
        ("y", (0, 0, 1, 0, 9, None, None, None, 0), NO_SPREAD),
    ]


def test_deltas_of_one_hour_say_no_more_than_that() -> None:
    """S1: golden bytes: the usual delta names no hour, the other one ends with hours and days."""
    one: Stats = (1, 0, 0, 0, 5, 5, None, None, 1)
    ((_, value),) = pack_deltas({"a": one, "b": one}, {"b": ([7, 1, 0, 0, 0], [])}, 1, LIMIT)
    assert value == (
        b'{"v":2,"deltas":[["a",1,0,0,0,5,5,null,null,1],["b",1,0,0,0,5,5,null,null,1,[7,1,0,0,0],[]]]}'
    )


@given(st.dictionaries(st.tuples(ids, ids), st.integers(-(2**40), 2**40), max_size=60), st.integers(1, 9))
def test_pairs_come_out_as_they_went_in(changes: dict[tuple[str, str], int], partitions: int) -> None:
    """X12, X9: the same for pair changes, whatever characters the ids hold."""
    unpacked = {}
    for partition, value in pack_pairs(changes, partitions, LIMIT):
        assert len(value) <= LIMIT
        for pair, change in unpack_pairs(value):
            assert partition_of_pair(*pair, partitions) == partition
            unpacked[pair] = change
    assert unpacked == changes


def test_the_longest_entries_fit() -> None:
    """X12: no single delta or pair can be too long to split further."""
    longest = ["\x01" * COMPONENT_ID_MAX, "\x02" * COMPONENT_ID_MAX]
    most = 2**63 - 1
    assert max(len(orjson.dumps(name)) for name in longest) == 6 * COMPONENT_ID_MAX + 2
    row: Stats = (most, most, most, most, most, most, most, (most, most, most, most, False), most)
    hours = {20_626 * 24 + 22 - hour: [most // 24] * 4 for hour in range(24 * 100)}
    fullest = spread_of(hours)
    assert [len(part) // 5 for part in fullest] == [71, 87]
    packed = pack_deltas(dict.fromkeys(longest, row), dict.fromkeys(longest, fullest), 1, LIMIT)
    assert len(packed) == 2
    assert all(LIMIT * 0.8 < len(value) <= LIMIT for _, value in packed)
    assert all(len(value) <= LIMIT for _, value in pack_pairs({(longest[0], longest[1]): -most}, 1, LIMIT))


def test_a_limit_that_cannot_be_kept_is_refused() -> None:
    """X12: a limit under one entry stops at once, not at the first long id."""
    with pytest.raises(ValueError, match="one entry may take"):
        pack_deltas({}, {}, 1, LIMIT - 1)


def test_deltas_of_a_later_version_are_refused() -> None:
    """A release that knows more is needed; nothing is guessed."""
    with pytest.raises(PackingError, match="versions 1 and 2"):
        unpack_deltas(b'{"v":3,"deltas":[]}')


@pytest.mark.parametrize("value", [b'{"v":3,"pairs":[]}', b"[]", b'{"v":1}', b"", b'{"v":1,"deltas":[]}'])
def test_another_version_is_refused(value: bytes) -> None:
    """Values of another version or another kind are never read as if they were ours."""
    with pytest.raises(PackingError):
        unpack_pairs(value)
