"""The soak's plan of faults."""

from itertools import islice

from tests.faults.plan import KINDS, plan


def test_a_seed_repeats_its_plan() -> None:
    """S8: a soak that failed can be run again as it was; another seed makes other faults."""
    first, again, other = (list(islice(plan(seed), 500)) for seed in (7, 7, 8))
    assert first == again
    assert first != other
    assert {step.kind for step in first} == set(KINDS)
