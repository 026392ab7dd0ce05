"""Questions to a service, as a query command puts them."""

from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st

from processor.cli.remote import _batches
from processor.serve.http.gate import QUERY_MAX

ids = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=256), max_size=300)


@given(ids)
def test_ids_are_asked_for_in_questions_that_fit(ids: list[str]) -> None:
    """X9, X12: every id once, in order; no question is longer than a service reads, whatever the ids."""
    parts = list(_batches(ids))
    assert [each for part in parts for each in part] == ids
    for part in parts:
        asked = [("component_id", each) for each in part]
        assert len(part) <= 100
        assert len(urlencode([*asked, ("history", "true"), ("limit", "100")])) <= QUERY_MAX
