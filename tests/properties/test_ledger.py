"""Encoding and decoding a ledger are inverse."""

from hypothesis import given
from hypothesis import strategies as st

from processor.domain.fingerprint import FINGERPRINT_BYTES
from processor.domain.ledger import Row, decode, encode
from processor.domain.ring import is_in_ring

times_us = st.integers(0, 253_402_300_799_999_999)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
components = st.none() | st.lists(names, min_size=1, max_size=5, unique=True).map(
    lambda all_: tuple(sorted(all_))
)
fingerprints = st.binary(min_size=FINGERPRINT_BYTES, max_size=FINGERPRINT_BYTES)
rows: st.SearchStrategy[Row] = st.tuples(
    st.lists(fingerprints, max_size=70).map(b"".join),
    times_us,
    st.lists(st.tuples(times_us, times_us, components), max_size=6).map(tuple),
)


@given(rows)
def test_encode_and_decode_are_inverse(row: Row) -> None:
    """S13: a row restored from the topic is the row that was written; and so is its encoding."""
    value = encode(row)
    assert decode(value) == row
    assert encode(decode(value)) == value


@given(st.lists(st.binary(min_size=8, max_size=8), max_size=8), st.integers(0, 56))
def test_the_ring_equals_a_list_of_fingerprints(ring: list[bytes], start: int) -> None:
    """S4: a search in the packed bytes finds what a list would, for anything cut out of them too."""
    packed = b"".join(ring)
    needle = packed[start : start + FINGERPRINT_BYTES].ljust(FINGERPRINT_BYTES, b"\0")
    assert is_in_ring(packed, needle) == (needle in ring)
