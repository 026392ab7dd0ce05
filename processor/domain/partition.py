"""Where a key lives: the same partition for every writer that uses Kafka's own default.

`murmur2` is the hash of the Java client's and aiokafka's default partitioner, bit for bit.
"""

from functools import lru_cache

__all__ = ["murmur2", "partition_of", "partition_of_pair"]

_CACHED_KEYS = 131_072  # some 30 MB when full; a key that is not cached costs some 3 us

_SEED = 0x9747B28C
_MULTIPLIER = 0x5BD1E995
_MASK = 0xFFFFFFFF
_POSITIVE = 0x7FFFFFFF


@lru_cache(maxsize=_CACHED_KEYS)
def murmur2(key: bytes) -> int:
    """Return the key's 32 bit murmur2 hash, as Kafka's clients seed it."""
    length = len(key)
    whole = length & ~3
    value = _SEED ^ length
    for position in range(0, whole, 4):
        word = int.from_bytes(key[position : position + 4], "little") * _MULTIPLIER & _MASK
        word = (word ^ word >> 24) * _MULTIPLIER & _MASK
        value = value * _MULTIPLIER & _MASK ^ word
    if length > whole:
        value = (value ^ int.from_bytes(key[whole:], "little")) * _MULTIPLIER & _MASK
    value = (value ^ value >> 13) * _MULTIPLIER & _MASK
    return value ^ value >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition, 0 up to `partitions`, where a record with this key belongs."""
    return (murmur2(key) & _POSITIVE) % partitions


def partition_of_pair(a: str, b: str, partitions: int) -> int:
    """Return the partition that counts the pair a < b.

    It is made of the components' own hashes, which are at hand, as `(murmur2(a) * 31 + murmur2(b)) mod 2^31`
    mod the number of partitions: a hash of the pair's JSON key would cost every new pair some 8 us. Only our
    own topics need to agree on it: `pair-deltas`, and `co-failures`, whose rows are where they are counted.
    """
    return (murmur2(a.encode()) * 31 + murmur2(b.encode()) & _POSITIVE) % partitions
