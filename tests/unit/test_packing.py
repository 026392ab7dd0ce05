"""Packed deltas and pairs: what goes in comes out, under the limit, where it belongs."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
stats = st.tuples(counts, counts, counts, counts, times, times, times, notes)


@given(st.dictionaries(ids, stats, max_size=60), st.integers(1, 9))
def test_deltas_come_out_as_they_went_in(deltas: dict[str, Stats], partitions: int) -> None:
    """X12: a batch's deltas are split by bytes, under the limit, each to its component's partition."""
    unpacked = {}
    for partition, value in pack_deltas(deltas, partitions, LIMIT):
        assert len(value) <= LIMIT
        for component, delta in unpack_deltas(value):
            assert partition_of(component.encode(), partitions) == partition
            assert component not in unpacked
            unpacked[component] = delta
    assert unpacked == deltas


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
    row: Stats = (most, most, most, most, most, most, most, (most, most, most, most, False))
    assert all(len(value) <= LIMIT for _, value in pack_deltas(dict.fromkeys(longest, row), 1, LIMIT))
    assert all(len(value) <= LIMIT for _, value in pack_pairs({(longest[0], longest[1]): -most}, 1, LIMIT))


def test_a_limit_that_cannot_be_kept_is_refused() -> None:
    """X12: a limit under one entry stops at once, not at the first long id."""
    with pytest.raises(ValueError, match="one entry may take"):
        pack_deltas({}, 1, LIMIT - 1)


@pytest.mark.parametrize("value", [b'{"v":3,"pairs":[]}', b"[]", b'{"v":1}', b"", b'{"v":1,"deltas":[]}'])
def test_another_version_is_refused(value: bytes) -> None:
    """Values of another version or another kind are never read as if they were ours."""
    with pytest.raises(PackingError):
        unpack_pairs(value)
