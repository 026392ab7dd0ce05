"""The look at a whole ring agrees with the look at each fingerprint."""

from hypothesis import given
from hypothesis import strategies as st

from processor.domain.fingerprint import FINGERPRINT_BYTES
from processor.domain.ring import may_repeat, put_one_by_one

LIMIT_BYTES = 5 * FINGERPRINT_BYTES

# Few bytes, so that fingerprints repeat, share their first bytes and meet across their borders.
prints = st.lists(st.integers(0, 1), min_size=8, max_size=8).map(bytes)


@given(st.lists(prints, max_size=5, unique=True), st.lists(prints | st.just(b""), max_size=9))
def test_what_cannot_repeat_is_put_in_as_a_whole(old: list[bytes], fresh: list[bytes]) -> None:
    """S4: where no repetition is seen, judging one by one finds none, and leaves the same ring."""
    ring, joined = b"".join(old), b"".join(fresh)
    after, repeated = put_one_by_one(ring, fresh, LIMIT_BYTES)
    if not may_repeat(ring, fresh, len(joined)):
        assert (after, repeated) == ((ring + joined)[-LIMIT_BYTES:], [])


@given(st.lists(prints | st.just(b""), max_size=20))
def test_a_ring_holds_the_last_that_were_no_duplicates(fresh: list[bytes]) -> None:
    """S4: what the ring holds is a duplicate, which does not refresh its place; an empty id is none."""
    ring: list[bytes] = []
    repeated = []
    for number, each in enumerate(fresh):
        if each and each in ring:
            repeated.append(number)
        elif each:
            ring = [*ring, each][-5:]
    assert put_one_by_one(b"", fresh, LIMIT_BYTES) == (b"".join(ring), repeated)
