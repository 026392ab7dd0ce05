"""The whole stream on a real broker: from events as publishers send them to rows as readers see them."""

from typing import Any

import orjson
import pytest

from processor import OutcomeTracker
from processor.serve import queries
from schemas import ComponentOutcome, OutcomeType
from schemas.topics import CO_FAILURES, COMPONENT_STATS, OUTCOME_EVENTS
from tests.bench.events import generate
from tests.bench.load import load
from tests.oracle import oracle
from tests.records import at, event, uuid_of
from tests.settled import check_settled, read_rows, wait_until_folded
from tests.stream import Stream, header

pytestmark = pytest.mark.kafka


@pytest.fixture
async def stream(kafka: Any, prefix: str) -> Stream:
    return await Stream(kafka.bootstrap, prefix).create_topics()


def failure(component: str, seconds: float, number: int, host: str = "host-1") -> dict[str, Any]:
    """A failure so many seconds after noon."""
    return event(component_id=component, timestamp=at(seconds), event_id=uuid_of(number), host_id=host)


async def test_rows_equal_the_oracle_over_restarts(stream: Stream) -> None:
    """S1, S2, S4, S13, S19: bursts, disorder and duplicates, folded by three workers one after the other."""
    history = list(generate(30_000, hosts=300, components=200, seed=7))
    for start in range(0, len(history), 10_000):
        part = history[start : start + 10_000]
        topic = stream.settings.topic(OUTCOME_EVENTS)
        await load(stream.settings.bootstrap, topic, stream.settings.partitions, part)
        await stream.fold()
    rows, pairs = oracle([orjson.loads(value) for _, value in history])
    assert await stream.stats() == rows
    assert await stream.pairs() == pairs
    await check_settled(stream.settings)


async def test_the_same_event_counts_once(stream: Stream) -> None:
    """S4: the same event id again in a later batch, and after a restart, in another spelling."""
    async with stream.working():
        await stream.publish(event())
        await wait_until_folded(stream.settings)
        await stream.publish(event())
        await wait_until_folded(stream.settings)
    await stream.publish(event(event_id=uuid_of(0).upper()), event(event_id=uuid_of(1)))
    await stream.fold()
    assert (await stream.stats())["pkg:deb/debian/curl"]["install_failures"] == 2


@pytest.mark.parametrize(("seconds", "together"), [(60, 1), (60.000001, None)])
async def test_the_edge_of_a_session(stream: Stream, seconds: float, together: int | None) -> None:
    """S5: a gap of exactly 60 s joins, a microsecond more does not."""
    await stream.publish(failure("a", 0, 1), failure("b", seconds, 2))
    await stream.fold()
    assert (await stream.pairs()).get(("a", "b")) == together


async def test_a_late_arrival_joins_two_sessions_and_leaves_a_tombstone(stream: Stream) -> None:
    """S5, S6, S15: a pair that stood in both halves counts once when they join; a count of 0 is deleted."""
    await stream.publish(failure("a", 0, 1), failure("b", 0, 2), failure("a", 100, 3), failure("b", 100, 4))
    await stream.fold()
    assert await stream.pairs() == {("a", "b"): 2}
    await stream.publish(failure("c", 50, 5))
    await stream.fold()
    assert await stream.pairs() == {("a", "b"): 1, ("a", "c"): 1, ("b", "c"): 1}
    await stream.publish(*(failure(f"d{number}", 50, 10 + number) for number in range(50)))
    await stream.fold()
    assert await stream.pairs() == {}
    tombstones = [record for record in await stream.records(CO_FAILURES) if record.value is None]
    assert {orjson.loads(record.key or b"")[0] for record in tombstones} >= {"a", "b"}


async def test_a_mass_failure_adds_no_pairs(stream: Stream) -> None:
    """S7: 50 components in a session make 1,225 pairs; the 51st withdraws them all."""
    await stream.publish(*(failure(f"c{number}", number, number) for number in range(50)))
    await stream.fold()
    assert len(await stream.pairs()) == 1225
    await stream.publish(failure("c50", 50, 50))
    await stream.fold()
    assert await stream.pairs() == {}
    assert len(await stream.stats()) == 51


async def test_misrouted_events_are_forwarded_and_counted_once(stream: Stream) -> None:
    """S12: a host's events from every partition, one of them twice, meet in the right one."""
    for number in range(stream.settings.partitions):
        await stream.publish(
            failure("a", number, number), failure("b", number, 10 + number), partition=number
        )
    await stream.publish(failure("a", 0, 0), key=None, partition=3)
    await stream.fold()
    rows = await stream.stats()
    assert (rows["a"]["install_failures"], rows["b"]["install_failures"]) == (4, 4)
    assert await stream.pairs() == {("a", "b"): 1}
    copies = [record for record in await stream.records(OUTCOME_EVENTS) if record.headers]
    assert len(copies) == 7  # three of four partitions were wrong, with two events each; then the one again


async def test_without_hosts_the_stream_is_one_tracker(stream: Stream) -> None:
    """S3: the same events in a tracker and in the stream give the same problematic, removed and pairs."""
    events = [
        ComponentOutcome(component_id=f"c{n % 7}", outcome_type=kind, timestamp=at(n * step))
        for kind, step in ((OutcomeType.INSTALL_FAILURE, 45), (OutcomeType.REMOVED_BY_USER, 1))
        for n in range(40)
    ]
    tracker = OutcomeTracker()
    for each in events:
        tracker.record_outcome(each.component_id, each.outcome_type)
    tracker.recent_events = events
    await stream.publish(*(each.model_dump(mode="json") | {"host_id": None} for each in events))
    await stream.fold()
    rows = queries.stats_rows(await read_rows(stream.settings, COMPONENT_STATS))
    in_order = {row["component_id"]: row["first_seen"] for row in rows}
    assert list(in_order) == sorted(in_order, key=lambda name: (in_order[name], name))
    assert [row["component_id"] for row in queries.problematic(rows)] == tracker.get_problematic_components()
    assert [row["component_id"] for row in queries.removed(rows)] == tracker.get_frequently_removed()
    pairs = {pair: count for pair, count in (await stream.pairs()).items() if count >= 2}
    assert pairs == {(a, b): count for a, b, count in tracker.get_co_failure_pairs()}


BAD: list[tuple[bytes, str, str]] = [
    (b"not json", "not_json", ""),
    (b"", "not_json", ""),
    (b'{"component_id":"a"', "not_json", ""),
    (b'{"component_id":"\xff"}', "not_json", ""),
    (b'{"component_id":NaN}', "not_json", ""),
    (b"[" * 10_000 + b"]" * 10_000, "not_json", ""),
    (b"[1,2]", "not_an_object", ""),
    (b'"text"', "not_an_object", ""),
    (orjson.dumps(event(outcome_type="exploded")), "unknown_outcome_type", "outcome_type"),
    (orjson.dumps(event(component_id="")), "empty", "component_id"),
    (orjson.dumps(event(component_id="x" * 257)), "too_long", "component_id"),
    (orjson.dumps({"outcome_type": "deprecated"}), "missing", "component_id"),
    (orjson.dumps(event(component_id=5)), "wrong_type", "component_id"),
    (orjson.dumps(event(timestamp=1_700_000_000)), "wrong_type", "timestamp"),
    (orjson.dumps(event(timestamp="2026-01-02")), "bad_timestamp", "timestamp"),
]


async def test_bad_records_are_dead_letters_and_the_rest_counts(stream: Stream) -> None:
    """X1, X2, X7: each kind of bad record stands between good ones, and names its reason and field."""
    for number, (value, _, _) in enumerate(BAD):
        await stream.publish(event(event_id=uuid_of(number)))
        await stream.publish(value, key=b"host-1")
    await stream.publish(None, key=b"host-1")
    await stream.publish(event(host_id=None), key=b"\xff\xfe", partition=0)
    await stream.fold()
    assert (await stream.stats())["pkg:deb/debian/curl"]["install_failures"] == len(BAD)
    dead = await stream.dead()
    key_is_bad = [letter for letter in dead if letter not in BAD]
    assert [(reason, field) for _, reason, field in key_is_bad] == [("key_not_utf8", "key")]
    assert sorted(letter for letter in dead if letter in BAD) == sorted(BAD)


async def test_what_is_odd_but_good_counts(stream: Stream) -> None:
    """X3, X4, X5, X6: unknown fields, no zone, a clock that is wrong, a long context."""
    good = [
        event(event_id=uuid_of(1), installer="new", nested={"a": [1]}),
        event(event_id=uuid_of(2), timestamp="2026-01-02T12:00:01.000000"),
        event(event_id=uuid_of(3), timestamp="2999-01-01T00:00:00Z"),
        event(event_id=uuid_of(4), timestamp="1999-12-31T23:59:59Z"),
        event(event_id=uuid_of(5), context="x" * 5_000),
    ]
    await stream.publish(*good)
    await stream.fold()
    row = (await stream.stats())["pkg:deb/debian/curl"]
    assert row["install_failures"] == len(good)
    assert row["first_seen"] == at(0)
    assert row["last_failure"] < "2999"
    assert await stream.dead() == []


async def test_odd_ids_are_kept_exactly(stream: Stream) -> None:
    """X9: control characters, quotes, bars, newlines, emoji and bidirectional marks."""
    ids = ['a"b', "a|b", "a\nb", "a\x00b", "\u202eabc", "🦀", "ä", "[1,2]", "\\"]
    await stream.publish(*(failure(name, 0, number) for number, name in enumerate(ids)))
    await stream.fold()
    assert set(await stream.stats()) == set(ids)
    assert set(await stream.pairs()) == {(a, b) for a in ids for b in ids if a < b}


async def test_records_at_the_edge_of_what_fits(stream: Stream) -> None:
    """X12: a value near max.message.bytes, and a batch whose deltas exceed one record, stop no worker."""
    large = event(event_id=uuid_of(0), blob="x" * 1_000_000)
    await stream.publish(large, partition=0)  # in the wrong partition: its copy must fit as well
    many = [
        failure(f"{number:05d}" + "\x01" * 251, number, number + 1, f"host-{number}")
        for number in range(4_000)
    ]
    await stream.publish(*many)
    await stream.fold()
    rows = await stream.stats()
    assert len(rows) == 1 + len(many)
    assert rows["pkg:deb/debian/curl"]["install_failures"] == 1


async def test_a_large_dead_letter_keeps_its_beginning(stream: Stream) -> None:
    """X1, X12: the first 64 KiB are kept, and the full size is told."""
    await stream.publish(b"x" * 900_000, key=b"host-1")
    await stream.fold()
    (letter,) = await stream.records("dead-letters")
    assert letter.value == b"x" * 65_536
    assert header(letter, "fleetfold-size") == "900000"
    assert header(letter, "fleetfold-topic") == stream.settings.topic(OUTCOME_EVENTS)
