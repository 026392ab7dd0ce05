"""The law of corrections: live, with control records, and anew, with void events: the same rows."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from processor.domain.config import FoldConfig
from processor.domain.control import encode_control
from processor.domain.corrections import Corrections
from processor.domain.names import Book
from processor.domain.partition import partition_of
from processor.domain.retraction import plan_host
from processor.domain.routing import NOTHING_VOID, Marked, Void, route
from processor.domain.tracing import read_by_rebuilt
from schemas.corrections import Correction
from tests.properties.test_intake import SECONDS, histories
from tests.records import NOON, FakeRecord, Fleet, at, record, uuid_of

NOW_MS = int(NOON.timestamp() * 1000) + 60_000
Log = dict[int, list[FakeRecord]]


@st.composite
def selections(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what a correction may name."""
    some: dict[str, Any] = {
        "component_id": draw(st.none() | st.sampled_from("abcdef")),
        "host_id": draw(st.none() | st.sampled_from(["", "host-1", "host-2", "хост"])),
        "outcome_type": draw(
            st.none() | st.sampled_from(["install_failure", "deprecated", "install_success"])
        ),
        "since": draw(st.none() | st.sampled_from([at(s) for s in SECONDS])),
        "until": draw(st.none() | st.sampled_from([at(s) for s in SECONDS])),
        "event_ids": draw(st.none() | st.lists(st.integers(0, 25).map(uuid_of), min_size=1, max_size=4)),
    }
    if not any(value is not None for name, value in some.items() if name != "outcome_type"):
        some["since"] = at(0)
    if some["host_id"] is not None and draw(st.booleans()):
        some = {"host_id": some["host_id"], "kind": "forget_host"}
    return some


class Rebuilt:
    """A second generation beside a fleet, made of its log as it is now.

    Args:
        live: the fleet.
        config: of the second generation.
    """

    def __init__(self, live: "Live", config: FoldConfig) -> None:
        self.fleet = Fleet(config)
        self._live = live
        self._obeyed = frozenset(each.correction_id for each in live.corrections.all)
        self._routed = 0
        self.route(live.corrections)

    def route(self, void: Void) -> None:
        """Fold what came to the log since the last time."""
        config = self.fleet.config
        for partition, records in self._live.log.items():
            fresh = [each for number, each in self._live.order[self._routed :] if number == partition]
            for home, (host, value, headers, time_ms) in route(fresh, partition, config, Book(), void).events:
                one = FakeRecord(partition=home, key=host, value=value, headers=headers, timestamp=time_ms)
                marked = partial(Marked.places, partition=home)
                self.fleet.take([one], home, void=marked, applies=True)
            assert len(fresh) <= len(records)
        self._routed = len(self._live.order)

    def correct(self, correction: Correction) -> None:
        """Put its control records on the log."""
        live, config = self._live, self.fleet.config
        hosts = sorted({each.key or b"" for _, each in live.order})
        obeyed = live.corrections.only(self._obeyed)
        for host in hosts:
            placed = [(number, each) for number, each in live.order if each.key == host]
            home = partition_of(host, config.partitions)
            plan = plan_host(
                host,
                read_by_rebuilt(host, placed, 2, "outcome-events", obeyed),
                home,
                config,
                live.corrections,
                now_ms=NOW_MS,
                forget=correction.host_id == host.decode() and correction.kind == "forget_host",
                obeyed=self._obeyed,
            )
            assert plan.left == ""
            if plan.control is not None:
                value, headers = encode_control(plan.control, b"")
                live.append(placed[0][0], FakeRecord(key=host, value=value, headers=headers))


class Live:
    """A fleet with its log; corrections are made as the command makes them."""

    def __init__(self, config: FoldConfig) -> None:
        self.config = config
        self.fleet = Fleet(config)
        self.log: Log = {partition: [] for partition in range(config.partitions)}
        self.order: list[tuple[int, FakeRecord]] = []
        self.corrections = Corrections()
        self.rebuilt: Rebuilt | None = None
        self._folded: list[FakeRecord] = []

    def publish(self, events: list[dict[str, Any]]) -> None:
        """Put events on the log, and fold them in one batch a partition."""
        for each in events:
            partition = partition_of(each["host_id"].encode(), self.config.partitions)
            self.append(partition, record(each))
        self.fold()
        if self.rebuilt is not None:
            self.rebuilt.route(NOTHING_VOID)

    def fold(self) -> None:
        for partition, records in self.log.items():
            done = sum(each.partition == partition for each in self._folded)
            if fresh := records[done:]:
                self.fleet.take(fresh, partition)
                self._folded += fresh

    def correct(self, number: int, selection: dict[str, Any]) -> None:
        """Make a correction; its control records are folded with whatever comes next."""
        correction = Correction.model_validate(
            {
                "correction_id": UUID(int=number),
                "kind": "retract",
                "at": datetime(2026, 1, 3, tzinfo=UTC),
                "by": "ada",
                "reason": "",
                "before": [len(self.log[each]) for each in range(self.config.partitions)],
                **selection,
            }
        )
        self.corrections.add(correction)
        for partition, records in list(self.log.items()):
            for host in sorted({each.key or b"" for each in records}):
                own = [each for each in records if each.key == host]
                plan = plan_host(
                    host,
                    own,
                    partition,
                    self.config,
                    self.corrections,
                    now_ms=NOW_MS,
                    forget=correction.host_id == host.decode() and correction.kind == "forget_host",
                )
                assert plan.left == ""
                if plan.control is not None:
                    value, headers = encode_control(plan.control, b"")
                    self.append(partition, FakeRecord(key=host, value=value, headers=headers))

        if self.rebuilt is not None:
            self.rebuilt.correct(correction)

    def anew(self) -> Fleet:
        """The log folded again by a fold that knows all corrections from the beginning."""
        fleet = Fleet(self.config)
        for partition, records in self.log.items():
            if records:
                fleet.take(records, partition, void=partial(self.corrections.places, partition=partition))
        return fleet

    def append(self, partition: int, one: FakeRecord) -> None:
        """Put a record at the end of a partition."""
        key = one.key if one.headers else orjson.loads(one.value or b"")["host_id"].encode()
        offset = len(self.log[partition])
        placed = FakeRecord(partition=partition, offset=offset, key=key, value=one.value, headers=one.headers)
        self.log[partition].append(placed)
        self.order.append((partition, placed))


def failed(second: int, host: str) -> dict[str, Any]:
    """A failure of one component."""
    return {
        "component_id": "b",
        "host_id": host,
        "outcome_type": "install_failure",
        "timestamp": at(second),
        "context": "",
    }


_GOES_AND_COMES = [
    ([failed(0, "host-1")], {"host_id": "host-1"}),
    ([failed(1, "host-1"), failed(60, "")], {"host_id": "host-1", "kind": "forget_host"}),
]
"""A row is taken back to nothing, comes again later, and is taken back from once more."""


def exact(fleet: Fleet, *, times: bool) -> tuple[Any, ...]:
    """What must be the same; of a row whose times may be stale, the counts."""
    rows, pairs = fleet.rows()
    stale = [each for each, row in rows.items() if (row["notes"] or {}).get("has_stale_times")]
    assert not (stale and times)
    return rows, pairs, stale


@given(
    st.lists(st.tuples(histories(), selections()), min_size=1, max_size=3),
    histories(),
    st.integers(1, 3),
    st.sampled_from([0, 2, 50]),
)
@example(_GOES_AND_COMES, [], 1, 50)
def test_live_corrections_equal_a_fold_without_the_void_events(
    rounds: list[tuple[list[dict[str, Any]], dict[str, Any]]],
    last: list[dict[str, Any]],
    partitions: int,
    cap: int,
) -> None:
    """Counts, pairs and, but for forgotten hosts, ledgers: whatever is corrected, in whatever history."""
    live = Live(FoldConfig(partitions=partitions, mass_failure_cap=cap))
    forgotten: set[str] = set()
    for number, (events, selection) in enumerate(rounds, 1):
        ids = [each | {"event_id": uuid_of(1_000 * number + n)} for n, each in enumerate(events)]
        live.publish([each for each in ids if each["host_id"] not in forgotten])
        live.correct(number, selection)
        if selection.get("kind") == "forget_host":
            forgotten.add(selection["host_id"])
    live.publish([each for each in last if each["host_id"] not in forgotten])
    assert [letter.field for result in live.fleet.results for letter in result.dead] == []
    anew = live.anew()
    (rows, pairs), (rows_anew, pairs_anew) = live.fleet.rows(), anew.rows()
    assert pairs == pairs_anew
    assert rows.keys() == rows_anew.keys()
    for component, row in rows.items():
        same = _without_times if (row["notes"] or {}).get("has_stale_times") else dict
        assert same(row) == same(rows_anew[component])
    assert live.fleet.history_rows() == anew.history_rows()
    for partition, sums in anew.totals.items():
        assert sums[:-1] == live.fleet.totals[partition][:-1]  # not hosts: a forgotten one is new again
    for partition, hosts in live.fleet.hosts.items():
        for host, ledger in hosts.items():
            if host.decode() not in forgotten:
                assert ledger == anew.hosts[partition][host]


@given(
    st.lists(st.tuples(histories(), selections()), min_size=1, max_size=4),
    histories(),
    st.integers(0, 3),
    st.integers(1, 3),
    st.integers(1, 3),
)
@example(_GOES_AND_COMES, [], 0, 1, 1)
def test_a_rebuilt_generation_takes_corrections_in_like_another_rebuild(
    rounds: list[tuple[list[dict[str, Any]], dict[str, Any]]],
    last: list[dict[str, Any]],
    before: int,
    partitions: int,
    others: int,
) -> None:
    """Some corrections before it was built, some after, other rules and partitions: as if it obeyed all.

    And the first generation, whose control records stand on the same log, is what it would be alone.
    """
    live = Live(FoldConfig(partitions=partitions))
    config = FoldConfig(partitions=others, gap_us=20_000_000, mass_failure_cap=3, generation=2)
    forgotten: set[str] = set()
    for number, (events, selection) in enumerate(rounds):
        if number == min(before, len(rounds) - 1):
            live.rebuilt = Rebuilt(live, config)
        ids = [each | {"event_id": uuid_of(1_000 * number + n)} for n, each in enumerate(events)]
        live.publish([each for each in ids if each["host_id"] not in forgotten])
        live.correct(number + 1, selection)
        if selection.get("kind") == "forget_host":
            forgotten.add(selection["host_id"])
    live.publish([each for each in last if each["host_id"] not in forgotten])
    assert live.rebuilt is not None
    third = Rebuilt(live, replace(config, generation=3))
    fleets = ((live.rebuilt.fleet, third.fleet), (live.fleet, live.anew()))
    for fleet, anew in fleets:
        assert [letter.field for result in fleet.results for letter in result.dead] == []
        (rows, pairs), (rows_anew, pairs_anew) = fleet.rows(), anew.rows()
        assert pairs == pairs_anew
        assert rows.keys() == rows_anew.keys()
        for component, row in rows.items():
            same = _without_times if (row["notes"] or {}).get("has_stale_times") else dict
            assert same(row) == same(rows_anew[component])
        assert fleet.history_rows() == anew.history_rows()


def _without_times(row: dict[str, Any]) -> dict[str, Any]:
    """What is exact of a row whose times may tell of a void event."""
    notes = row["notes"] or {"deprecations": 0}
    counts = {name: value for name, value in row.items() if isinstance(value, int)}
    return counts | {"deprecations": notes["deprecations"]}
