"""The laws of the three folds together, against an oracle that is written apart."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.domain.config import FoldConfig
from processor.domain.historyrows import with_rows
from processor.domain.partition import partition_of
from tests.bench.events import generate
from tests.oracle import history_of, oracle, totals_of
from tests.records import FakeRecord, Fleet, at, event, record, uuid_of

OUTCOMES = ["install_failure"] * 5 + ["install_success", "used_in_session", "removed_by_user", "deprecated"]
SECONDS = [0, 1, 60, 60.000001, 100, 119.5, 160, 180, 200]

drawn = st.tuples(
    st.sampled_from("abcdef"),
    st.sampled_from(OUTCOMES),
    st.sampled_from(SECONDS),
    st.sampled_from(["", "host-1", "host-2", "хост"]),
)


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw a history in order of arrival: all within the retention, some events sent twice."""
    events = [
        event(
            component_id=component,
            outcome_type=outcome,
            timestamp=at(s),
            host_id=host,
            event_id=uuid_of(number),
        )
        for number, (component, outcome, s, host) in enumerate(draw(st.lists(drawn, max_size=25)))
    ]
    for again in draw(st.lists(st.sampled_from(events), max_size=5)) if events else []:
        events.insert(draw(st.integers(0, len(events))), again)
    return events


def home_of(partitions: int) -> Callable[[str], int]:
    return lambda host: partition_of(host.encode(), partitions)


cuts = st.lists(st.integers(0, 30), max_size=6)


@given(histories(), cuts, st.integers(1, 3), st.sampled_from([0, 2, 50]))
def test_the_rows_equal_the_oracles(
    events: list[dict[str, Any]], cut_at: list[int], partitions: int, cap: int
) -> None:
    """S1, S2, S4, S7: for any history and any split into batches, rows equal a plain sort and count."""
    fleet = Fleet(FoldConfig(partitions=partitions, mass_failure_cap=cap))
    fleet.take_events(events, [min(cut, len(events)) for cut in cut_at])
    assert fleet.rows() == oracle(events, mass_failure_cap=cap)
    assert fleet.history_rows() == history_of(events)
    assert fleet.total_rows() == totals_of(events, home_of(partitions), mass_failure_cap=cap)


@given(histories(), st.randoms(use_true_random=False), cuts)
def test_any_order_gives_the_same_rows(events: list[dict[str, Any]], rng: Any, cut_at: list[int]) -> None:
    """S1, S5: in order, reversed and shuffled, within the retention, a history gives the same rows."""
    expected = oracle(events)
    shuffled = list(events)
    rng.shuffle(shuffled)
    for order in (sorted(events, key=lambda each: each["timestamp"]), events[::-1], shuffled):
        fleet = Fleet(FoldConfig(partitions=2))
        fleet.take_events(order, [min(cut, len(events)) for cut in cut_at])
        assert fleet.rows() == expected
        assert fleet.history_rows() == history_of(events)
        assert fleet.total_rows() == totals_of(events, home_of(2))


late = st.tuples(
    st.sampled_from("abc"),
    st.integers(0, 90).map(lambda step: step * 53 - 4_800),
    st.sampled_from(["host-1", "host-2"]),
)


@given(st.lists(late, max_size=30), cuts)
def test_any_split_gives_the_same_ledgers(history: list[Any], cut_at: list[int]) -> None:
    """S4, S5: with duplicates beyond the ring and late failures, no split changes ledgers or counts."""
    events = [
        event(component_id=component, timestamp=at(s), event_id=uuid_of(s % 7), host_id=host)
        for component, s, host in history
    ]
    whole, split = (Fleet(FoldConfig(partitions=2, ring_size=2)) for _ in range(2))
    whole.take_events(events)
    split.take_events(events, [min(cut, len(events)) for cut in cut_at])
    assert split.hosts == whole.hosts
    assert split.counts == whole.counts
    assert split.rows() == whole.rows()
    assert split.history_rows() == whole.history_rows()
    assert split.total_rows() == whole.total_rows()


@given(st.lists(late, max_size=30))
def test_late_failures_equal_the_oracles(history: list[Any]) -> None:
    """S5: what is late, judged in order of arrival, equals the oracle's word for it."""
    events = [
        event(component_id=component, timestamp=at(s), event_id=uuid_of(number), host_id="host-1")
        for number, (component, s, _) in enumerate(history)
    ]
    fleet = Fleet(FoldConfig(partitions=1))
    fleet.take_events(events)
    assert fleet.rows() == oracle(events)
    assert fleet.total_rows() == totals_of(events, home_of(1))


anywhen = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from(["install_success", "used_in_session", "removed_by_user", "deprecated"]),
    st.sampled_from([0, 1, 23, 24, 25, 47, 48, 71, 72, 95, 24 * 88, 24 * 89, 24 * 90, 24 * 91, 24 * 200]),
    st.sampled_from([0, 1_799.999999, 3_599.999999]),
)


@given(st.lists(anywhen, max_size=30), cuts, st.randoms(use_true_random=False))
def test_histories_equal_the_oracles(history: list[Any], cut_at: list[int], rng: Any) -> None:
    """S1: over hours, days and months, in any order and any split, rows equal a plain count and restore."""
    events = [
        event(
            component_id=component,
            outcome_type=outcome,
            timestamp=at(-3_600 * hours - seconds),
            event_id=uuid_of(number),
            host_id=f"host-{number % 3}",
        )
        for number, (component, outcome, hours, seconds) in enumerate(history)
    ]
    events += rng.sample(events, len(events) // 3)
    expected = history_of(events)
    rng.shuffle(events)
    fleet = Fleet(FoldConfig(partitions=2))
    fleet.take_events(events, [min(cut, len(events)) for cut in cut_at])
    assert fleet.history_rows() == expected
    restored: dict[bytes, bytes] = {}
    with_rows(restored, fleet.history)
    assert restored == fleet.states


@given(histories(), st.randoms(use_true_random=False))
def test_events_anywhere_count_once_at_home(events: list[dict[str, Any]], rng: Any) -> None:
    """S12: events that arrive in any partition end in their host's, each counted once."""
    fleet = Fleet(FoldConfig(partitions=3))
    for each in events:
        partition = rng.randrange(3)
        fleet.take([record(each, partition=partition)], partition)
    assert fleet.rows() == oracle(events)
    assert fleet.total_rows() == totals_of(events, home_of(3))
    assert all(partition_of(host, 3) == partition for partition, rows in fleet.hosts.items() for host in rows)


rubbish = st.sampled_from(
    [b"", b"{", b"[]", None, orjson.dumps(event(component_id="")), orjson.dumps(event())]
)


@given(st.lists(rubbish, max_size=20))
def test_every_record_is_accounted_for(values: list[bytes | None]) -> None:
    """X1, X7: each record is an event, a duplicate, misrouted, ignored or dead; none is two of them."""
    fleet = Fleet(FoldConfig(partitions=3))
    fleet.take([FakeRecord(value=value) for value in values], 0)
    counts = fleet.results[0].counts
    parts = (counts.events, counts.duplicates, counts.misrouted, counts.ignored, counts.dead)
    assert sum(parts) == len(values)
    assert counts.dead == len(fleet.results[0].dead)
    assert counts.misrouted == len(fleet.results[0].forwards)


@pytest.mark.parametrize("batch", [37, 5_000])
def test_the_benchmarks_events_fold_exactly(batch: int) -> None:
    """S1, S2: a generated fleet of many hosts, by column, equals the oracle."""
    events = [orjson.loads(value) for _, value in generate(6_000, hosts=50, components=200, seed=3)]
    fleet = Fleet(FoldConfig(partitions=2))
    fleet.take_events(events, range(batch, len(events), batch))
    assert fleet.rows() == oracle(events)
    assert fleet.history_rows() == history_of(events)
    assert fleet.total_rows() == totals_of(events, home_of(2))
    assert fleet.counts.duplicates > 30
    assert fleet.counts.dead == fleet.counts.skewed == 0
