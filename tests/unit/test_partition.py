"""Where keys live: it must be where Kafka's own clients put them."""

from itertools import pairwise

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as their_murmur2
from hypothesis import given
from hypothesis import strategies as st

from processor.domain.partition import murmur2, partition_of, partition_of_pair


# The first four are the vectors of Kafka's own UtilsTest; signed there.
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_javas(key: bytes, expected: int) -> None:
    """S12: the hash equals the Java client's, whose numbers are signed."""
    assert murmur2(key) == expected & 0xFFFFFFFF


@given(st.binary(max_size=70), st.integers(1, 64))
def test_partition_is_aiokafkas(key: bytes, partitions: int) -> None:
    """S12: any key lives where aiokafka's default partitioner sends it."""
    everywhere = list(range(partitions))
    assert murmur2(key) == their_murmur2(key) & 0xFFFFFFFF
    assert partition_of(key, partitions) == DefaultPartitioner()(key, everywhere, everywhere)


def test_pair_partition_is_fixed() -> None:
    """A pair's partition never changes between releases: its count would be split."""
    assert [partition_of_pair("a", name, 1_000) for name in ("b", "é", "😀")] == [
        ((murmur2(b"a") * 31 + murmur2(name.encode())) & 0x7FFFFFFF) % 1_000 for name in ("b", "é", "😀")
    ]


def test_pairs_spread() -> None:
    """Pairs of the same component, and pairs of neighbours, do not meet in one partition."""
    names = [f"pkg:deb/debian/lib{number:04d}" for number in range(200)]
    of_one = [partition_of_pair(names[0], name, 4) for name in names[1:]]
    of_neighbours = [partition_of_pair(a, b, 4) for a, b in pairwise(names)]
    for found in (of_one, of_neighbours):
        assert all(found.count(partition) > len(found) / 8 for partition in range(4))
