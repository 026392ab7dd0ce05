"""The look at all rings of a batch agrees with the look at each fingerprint."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from processor.domain.fingerprint import FINGERPRINT_BYTES, prints_of
from processor.domain.ring import put_one_by_one
from processor.domain.rings import judge

LIMIT = 5
LIMIT_BYTES = LIMIT * FINGERPRINT_BYTES

# Few bytes, so that fingerprints repeat, share their first bytes and meet across their borders.
prints = st.lists(st.integers(0, 2), min_size=8, max_size=8).map(bytes).filter(any)
rings = st.lists(st.lists(prints, max_size=LIMIT, unique=True).map(b"".join), min_size=1, max_size=4)


@given(rings, st.data())
def test_all_rings_at_once_and_one_by_one_are_the_same(before: list[bytes], data: st.DataObject) -> None:
    """S4: for any batch of any hosts, the same events are duplicates, and the same rings are left."""
    known = [each[at : at + 8] for each in before for at in range(0, len(each), 8)]
    drawn = prints | st.just(b"") | (st.sampled_from(known) if known else st.nothing())
    batch = data.draw(st.lists(st.tuples(st.integers(0, len(before) - 1), drawn), max_size=20))
    after, duplicates, last = judge(
        np.array([host for host, _ in batch], np.int64),
        prints_of([each for _, each in batch]),
        before,
        LIMIT,
    )
    expected: list[int] = []
    for host, ring in enumerate(before):
        places = [place for place, (home, _) in enumerate(batch) if home == host]
        ring_after, repeated = put_one_by_one(ring, [batch[place][1] for place in places], LIMIT_BYTES)
        gone = [places[number] for number in repeated]
        expected += gone
        assert after[host] == ring_after
        assert last[host] == max(set(places).difference(gone), default=-1)
    assert sorted(duplicates) == sorted(expected)


@given(st.lists(prints | st.just(b""), max_size=20))
def test_a_ring_holds_the_last_that_were_no_duplicates(fresh: list[bytes]) -> None:
    """S4: what the ring holds is a duplicate, which does not refresh its place; an empty id is none."""
    ring: list[bytes] = []
    repeated = []
    for number, each in enumerate(fresh):
        if each and each in ring:
            repeated.append(number)
        elif each:
            ring = [*ring, each][-LIMIT:]
    assert put_one_by_one(b"", fresh, LIMIT_BYTES) == (b"".join(ring), repeated)
