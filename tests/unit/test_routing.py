"""Routing: each event of the log once, in its host's partition, in the order of the log's time."""

from typing import Any

import orjson
import pytest
from aiokafka import TopicPartition

from processor.domain.config import FoldConfig
from processor.domain.corrections import Corrections
from processor.domain.decode import decode
from processor.domain.names import Book
from processor.domain.partition import partition_of
from processor.domain.record import CORRECTION_HEADER, FROM_HEADER, GENERATION_HEADER
from processor.domain.routing import VOID_HEADER, Marked, Routed, RoutedEvent, route
from processor.router import Head, in_order, ready_parts
from schemas import HOST_ID_MAX
from tests.records import FakeRecord, event, record, uuid_of

CONFIG = FoldConfig(partitions=8)
P0, P1, P2 = (TopicPartition("outcome-events", number) for number in range(3))


def routed(*records: FakeRecord, **more: Any) -> Routed:
    return route(records, 0, CONFIG, Book(), **more)


def test_an_event_goes_to_its_hosts_partition_with_its_own_time() -> None:
    """The key is the settled host, the value is the very bytes, and the time is the record's own."""
    one = record(event(host_id="host-7"), timestamp=1_767_355_200_123)
    (found,) = routed(one).events
    assert found == (partition_of(b"host-7", 8), (b"host-7", one.value, [], 1_767_355_200_123))


@pytest.mark.parametrize("key", [None, b"", b"host-key"])
def test_the_key_stands_for_a_missing_host(key: bytes | None) -> None:
    """An event without host_id is its key's, and of the one host "" without a key."""
    (found,) = routed(record({k: v for k, v in event().items() if k != "host_id"}, key=key)).events
    assert found[1][0] == (key or b"")
    assert found[0] == partition_of(key or b"", 8)


def test_copies_and_parts_of_corrections_are_passed_over() -> None:
    """A forwarded copy would count its original twice; a control record is no event."""
    result = routed(
        record(event(event_id=uuid_of(1))),
        record(event(event_id=uuid_of(2)), headers=((FROM_HEADER, b"outcome-events/1/2"),)),
        record({"not": "an event"}, headers=((CORRECTION_HEADER, b"x"),)),
        record(event(event_id=uuid_of(3)), headers=(("trace", b"x"),)),
    )
    assert [orjson.loads(value)["event_id"] for _, (_, value, _, _) in result.events] == [
        uuid_of(1),
        uuid_of(3),
    ]
    assert (result.passed_over, result.dead, result.ignored) == (2, [], 0)


def test_a_control_record_for_this_generation_goes_on_in_its_place() -> None:
    """It speaks of all events before it and of none behind, and of no other generation's."""
    config = FoldConfig(partitions=8, generation=2)

    def control(generation: bytes, offset: int) -> FakeRecord:
        headers = ((CORRECTION_HEADER, b"x"), (GENERATION_HEADER, generation))
        return FakeRecord(key=b"host-1", value=b"{}", headers=headers, offset=offset)

    records = [
        control(b"2", 1),
        record(event(event_id=uuid_of(1)), offset=2),
        control(b"3", 3),
        control(b"2", 4),
        FakeRecord(value=b"not json", offset=5),
        record(event(event_id=uuid_of(2)), offset=6),
        control(b"2", 7),
        FakeRecord(key=b"host-1", value=b"{}", headers=((CORRECTION_HEADER, b"x"),), offset=8),
    ]
    result = route(records, 0, config, Book())
    kinds = ["control" if headers else "event" for _, (_, _, headers, _) in result.events]
    assert kinds == ["control", "event", "control", "event", "control"]
    assert {home for home, _ in result.events} == {partition_of(b"host-1", 8)}
    assert (result.passed_over, len(result.dead)) == (2, 1)


def test_bad_records_are_dead_letters_of_their_own_place() -> None:
    """X1, X7: what cannot be read goes no further, and what has no value is counted."""
    result = routed(record(event()), FakeRecord(value=b"not json", offset=41), FakeRecord(value=None))
    assert len(result.events) == 1
    assert [(letter.reason, letter.record.offset) for letter in result.dead] == [("not_json", 41)]
    assert result.ignored == 1


def test_a_huge_event_fits_with_the_key_that_it_gets() -> None:
    """X12: of an event near the record's limit only the contract's fields go on."""
    host = "h" * HOST_ID_MAX
    one = record({**event(host_id=host), "more": "x" * 1_000_000})
    (found,) = routed(one).events
    value = found[1][1]
    assert len(value) < 10_000
    fields = orjson.loads(one.value or b"")
    assert orjson.loads(value) == {name: fields[name] for name in event()}


def corrections_of(kind: str) -> Corrections:
    """What somebody asked for of the host "gone" when the first partition ended at 5."""
    said = {"correction_id": uuid_of(9), "kind": kind, "at": "2026-01-02T12:00:00Z", "by": "me"}
    meant = {"reason": "asked for", "host_id": "gone", "before": [5]}
    return Corrections.from_records([orjson.dumps(said | meant)])


def of_two_hosts() -> list[FakeRecord]:
    return [record(event(host_id=host), offset=at) for at, host in ((1, "gone"), (2, "here"), (7, "gone"))]


def test_what_a_forgotten_host_sent_goes_nowhere() -> None:
    """With a host went what was known of it: a rebuild writes none of it again. What came later goes on."""
    result = routed(*of_two_hosts(), void=corrections_of("forget_host"))
    assert [(host, headers) for _, (host, _, headers, _) in result.events] == [(b"here", []), (b"gone", [])]
    assert result.forgotten == 1


def test_a_void_event_goes_on_with_a_mark() -> None:
    """Of a correction's events the ids stay known: they are routed, and intake sees which they are."""
    result = routed(*of_two_hosts(), void=corrections_of("retract"))
    assert result.forgotten == 0
    assert [[name for name, _ in headers] for _, (_, _, headers, _) in result.events] == [
        [VOID_HEADER],
        [],
        [],
    ]
    again = [
        FakeRecord(key=host, value=value, headers=headers) for _, (host, value, headers, _) in result.events
    ]
    book = Book()
    assert Marked.places(decode(again, CONFIG, book).events, book, 3) == [0]


def head(*times: int, is_last: bool = False) -> Head:
    records: list[Any] = [FakeRecord(timestamp=time, offset=place) for place, time in enumerate(times)]
    return Head(records, len(times), is_last)


def test_only_what_nothing_can_come_before_is_handed_on() -> None:
    """A partition that goes on after its last known time holds the others back to that time."""
    assert ready_parts({P0: head(1, 2, 9), P1: head(3, 4), P2: head(20)}) == {P0: 2, P1: 2}


def test_a_partition_at_its_end_holds_nobody_back() -> None:
    """What comes there later is written later."""
    assert ready_parts({P0: head(1, 2, is_last=True), P1: head(3, 4)}) == {P0: 2, P1: 2}
    assert ready_parts({P0: head(1, 9, is_last=True), P1: head(3, 4)}) == {P0: 1, P1: 2}
    assert ready_parts({P0: head(1, is_last=True), P1: head(9, is_last=True)}) == {P0: 1, P1: 1}


def test_a_clock_that_went_back_changes_no_order_of_offsets() -> None:
    """Within a partition the order is that of its offsets, whatever a broker's clock said."""
    back = head(5, 3, 8)
    assert back.times == [5, 5, 8]
    assert ready_parts({P0: back, P1: head(4)}) == {P1: 1}


def routed_at(*times: int) -> list[RoutedEvent]:
    return [(0, (b"%d" % place, b"", [], time)) for place, time in enumerate(times)]


def test_events_of_several_partitions_are_merged_by_time() -> None:
    """The order is that of record times, and within a partition that of offsets."""
    merged = in_order([routed_at(1, 5, 3, 9), routed_at(2, 4)])
    assert [record[-1] for _, record in merged] == [1, 2, 4, 5, 3, 9]


@pytest.mark.parametrize("lists", [[[]], [[], []]])
def test_nothing_merges_to_nothing(lists: list[list[RoutedEvent]]) -> None:
    """A run of dead letters alone hands on no event."""
    assert in_order(lists) == []
