"""The simulated fleet: pure, valid, in order, and with findable conflicts in it."""

from collections import Counter
from itertools import combinations, pairwise
from math import log

import orjson
import pytest

from processor.publish.encoding import EncodedEvent
from processor.publish.fleet import FleetPlan, Planted, plant
from processor.publish.simulate import simulate
from schemas.times import parse_us, to_us
from schemas.wire import WireOutcome, validate_event

NOW_US = 1_790_000_000_000_000
PLAN = FleetPlan(events=30_000, hosts=300)


@pytest.fixture(scope="module")
def encoded() -> list[EncodedEvent]:
    return list(simulate(PLAN, NOW_US))


@pytest.fixture(scope="module")
def events(encoded: list[EncodedEvent]) -> list[WireOutcome]:
    return [validate_event(orjson.loads(value)) for _, value in encoded]


@pytest.fixture(scope="module")
def planted() -> Planted:
    return plant(PLAN)


def us(event: WireOutcome) -> int:
    assert event.timestamp is not None
    return to_us(event.timestamp)


def test_as_many_as_asked_and_all_valid(encoded: list[EncodedEvent], events: list[WireOutcome]) -> None:
    """Each value is accepted by the topic, its key is its host, and its event id is its own."""
    assert len(events) == PLAN.events
    assert len({event.event_id for event in events}) == PLAN.events
    assert all(event.event_id is not None and event.event_id.version == 7 for event in events)
    assert all(
        host == (event.host_id or "").encode() for (host, _), event in zip(encoded, events, strict=True)
    )


def test_everything_says_that_it_is_simulated(events: list[WireOutcome]) -> None:
    """A simulated event can never be taken for a real one."""
    assert all(event.component_id.startswith("pkg:sim/") for event in events)
    assert all(event.host_id is not None and event.host_id.startswith("sim-") for event in events)
    assert {event.context for event in events} == {"simulated"}


def test_times(events: list[WireOutcome]) -> None:
    """X5: events lie in the last hours, none ahead of now, and never far out of order."""
    times = [us(event) for event in events]
    assert min(times) >= NOW_US - PLAN.hours * 3_600_000_000
    assert max(times) <= NOW_US
    assert min(after - before for before, after in pairwise(times)) > -120_000_000


def test_same_seed_and_moment_give_the_same() -> None:
    """The stream is a pure function; another moment gives other event ids, so that a second run counts."""
    plan = FleetPlan(events=500, seed=7)
    first, again = (list(simulate(plan, NOW_US)) for _ in range(2))
    assert first == again
    later = {orjson.loads(value)["event_id"] for _, value in simulate(plan, NOW_US + 1)}
    assert later.isdisjoint(orjson.loads(value)["event_id"] for _, value in first)


def test_planted_ones_show(events: list[WireOutcome], planted: Planted) -> None:
    """What is planted is there to be found: failures, removals, a deprecation, a mass failure."""
    kinds = Counter((event.component_id, event.outcome_type.value) for event in events)
    for component in planted.problematic:
        assert kinds[component, "install_failure"] > kinds[component, "install_success"]
    for component in planted.removed:
        assert kinds[component, "removed_by_user"] >= 0.3 * kinds[component, "install_success"]
    assert [c for c, kind in kinds if kind == "deprecated"] == list(planted.deprecated)
    for host in planted.mass_failures:
        assert max(len(session) for session in sessions(events, host)) > 50


def sessions(events: list[WireOutcome], only: str | None = None) -> list[set[str]]:
    """Return the failure sessions, as the plain sort that the contract defines."""
    failures: dict[str, list[tuple[int, str]]] = {}
    for event in events:
        if event.outcome_type == "install_failure" and only in {None, event.host_id}:
            failures.setdefault(event.host_id or "", []).append((us(event), event.component_id))
    found: list[set[str]] = []
    for history in failures.values():
        last_us = -60_000_001
        for time_us, component in sorted(history):
            if time_us - last_us > 60_000_000:
                found.append(set())
            found[-1].add(component)
            last_us = time_us
    return found


def test_planted_conflicts_are_the_most_surprising(events: list[WireOutcome], planted: Planted) -> None:
    """Ranked by signed G² over failure sessions, the planted pairs come first, before the popular ones."""
    small = [session for session in sessions(events) if len(session) <= 50]
    alone = Counter(component for session in small for component in session)
    pairs = Counter(pair for session in small for pair in combinations(sorted(session), 2))
    ranked = sorted(
        pairs, key=lambda pair: g2(pairs[pair], alone[pair[0]], alone[pair[1]], len(small)), reverse=True
    )
    assert set(ranked[: len(planted.conflicts)]) == set(planted.conflicts)


def g2(both: int, a: int, b: int, total: int) -> float:
    cells: tuple[tuple[int, int], ...]
    cells = ((both, a * b), (a - both, a * (total - b)), (b - both, (total - a) * b))
    cells += ((total - a - b + both, (total - a) * (total - b)),)
    value = 2 * sum(seen * log(seen * total / product) for seen, product in cells if seen)
    return value if both * total > a * b else -value


@pytest.mark.parametrize(
    "wrong",
    [{"events": -1}, {"hosts": 0}, {"hours": 0}, {"conflicts": -1}, {"components": 20}, {"conflicts": 1_000}],
)
def test_fleet_that_cannot_be(wrong: dict[str, int]) -> None:
    """X10: numbers that leave no room for what is planted are refused with the number that would do."""
    with pytest.raises(ValueError, match=r"negative|at least"):
        FleetPlan(**wrong)


def test_time_text_is_that_of_the_contract(encoded: list[EncodedEvent]) -> None:
    """Times put together by hand are the 27 characters that everything else writes."""
    text = orjson.loads(encoded[0].value)["timestamp"]
    assert len(text) == 27
    assert parse_us(text) <= NOW_US
