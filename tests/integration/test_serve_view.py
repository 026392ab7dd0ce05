"""The view on a real broker, fed by a real worker: what it says equals what was folded."""

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from processor import OutcomeTracker
from processor.broker import EmbeddedKafka
from processor.errors import KafkaUnavailableError, TopicsError
from processor.serve import BlockingOutcomeView, OutcomeView
from processor.serve.snapshot import Head, write
from processor.settings import load_settings
from schemas import ComponentHistory, HistoryDay, OutcomeType
from schemas.topics import CO_FAILURES, COMPONENT_STATS
from tests.bench.events import generate
from tests.bench.load import load
from tests.oracle import history_of, oracle
from tests.records import at, event, uuid_of
from tests.served import pair, stats
from tests.stream import Stream
from tests.waiting import eventually

pytestmark = pytest.mark.kafka


@pytest.fixture
async def stream(kafka: Any, prefix: str) -> Stream:
    return await Stream(kafka.bootstrap, prefix).create_topics()


@pytest.fixture
async def producer(kafka: EmbeddedKafka) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        yield producer


async def put(
    producer: AIOKafkaProducer, stream: Stream, topic: str, row: tuple[bytes, bytes | None]
) -> None:
    await producer.send_and_wait(stream.settings.topic(topic), key=row[0], value=row[1])


def failure(component: str, seconds: float, number: int, **fields: Any) -> dict[str, Any]:
    return event(component_id=component, timestamp=at(seconds), event_id=uuid_of(number), **fields)


async def test_the_view_says_what_was_folded(stream: Stream) -> None:
    """S1, S2, S15: over a generated history, each rate, list, pair and time line equals the oracle's."""
    history = list(generate(8_000, hosts=100, components=60, seed=3))
    where = stream.settings
    topic = where.topic("outcome-events")
    await load(where.bootstrap, topic, where.partitions, history)
    await stream.fold()
    events = [orjson.loads(value) for _, value in history]
    rows, pairs = oracle(events)
    days = [HistoryDay.model_validate(row) for row in history_of(events).values()]
    async with await OutcomeView.open(settings=where, more=True, history=True) as view:
        for each in rows:
            of_each = [day for day in days if day.component_id == each]
            assert view.history(each) == ComponentHistory.from_days(each, of_each)
        assert {each: view.success_rate(each) for each in rows} == {
            each: row["success_rate"] for each, row in rows.items()
        }
        listed = sorted((row["first_seen"], each) for each, row in rows.items() if row["is_problematic"])
        assert view.problematic() == [each for _, each in listed]
        assert {(a, b): count for a, b, count in view.co_failures(min_count=1)} == pairs
        assert len(view.sessions.hosts) > 0
        assert view.pipeline is not None
        pipeline = view.pipeline

        async def idle() -> bool:
            return pipeline.report()["state"] == "idle"

        await eventually(idle)
        assert pipeline.report()["lag"][topic] == 0
        assert view.bad_rows == 0


async def test_one_host_behaves_like_the_tracker(stream: Stream) -> None:
    """S3, T8-T11, T15: the view's answers have the tracker's shapes, and on the same events its values."""
    outcomes = [
        *(("broken", OutcomeType.INSTALL_FAILURE),) * 4,
        *(("flaky", OutcomeType.INSTALL_FAILURE),) * 3,
        ("fine", OutcomeType.INSTALL_SUCCESS),
        *(("unwanted", OutcomeType.REMOVED_BY_USER),) * 2,
        ("old", OutcomeType.DEPRECATED),
        ("flaky", OutcomeType.INSTALL_SUCCESS),
    ]
    tracker = OutcomeTracker()
    for component_id, outcome_type in outcomes:
        tracker.record_outcome(component_id, outcome_type)
    events = [orjson.loads(each.model_dump_json()) for each in tracker.recent_events]
    await stream.publish(
        *({k: each[k] for k in ("component_id", "outcome_type", "timestamp")} for each in events)
    )
    await stream.publish(*(failure(name, n * 200, n) for n in (1, 2) for name in ("x",)))
    await stream.fold()
    async with await OutcomeView.open(settings=stream.settings) as view:
        assert view.problematic() == tracker.get_problematic_components()
        assert view.frequently_removed() == tracker.get_frequently_removed()
        assert view.deprecated() == tracker.get_deprecated()
        for each in (*tracker.outcomes, "unknown"):
            assert view.success_rate(each) == tracker.get_success_rate(each)
            assert view.score_multiplier(each) == tracker.score_multiplier(each)


async def test_changes_arrive_while_a_worker_folds(stream: Stream) -> None:
    """`watch` yields each change as it is committed, and `as_of` says that nothing is missing."""
    async with stream.working(), await OutcomeView.open(settings=stream.settings) as view:
        changes = view.watch()
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        await stream.publish(event())
        async with asyncio.timeout(30):
            change = await waiting
        assert (change.kind, change.ids) == ("component", ("pkg:deb/debian/curl",))
        assert view.as_of.changed_ms > 0
        assert sorted(view.as_of.offsets) == [
            stream.settings.topic(each) for each in (CO_FAILURES, COMPONENT_STATS)
        ]

        async def fresh() -> bool:
            return view.as_of.delay_s < 5 and view.as_of.behind == 0

        await eventually(fresh)
    await view.close()
    with pytest.raises(StopAsyncIteration):
        await anext(changes)


async def test_aborted_rows_are_never_seen(stream: Stream, kafka: EmbeddedKafka) -> None:
    """S15: what a transaction takes back was never an answer."""
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=f"{stream}") as producer:
        await producer.begin_transaction()
        await put(producer, stream, COMPONENT_STATS, stats("aborted", 1, 0))
        await producer.abort_transaction()
        async with producer.transaction():
            await put(producer, stream, COMPONENT_STATS, stats("kept", 1, 0))
        async with await OutcomeView.open(settings=stream.settings) as view:
            assert list(view.rows.values) == ["kept"]


async def test_a_restart_reads_only_what_is_new(
    stream: Stream, producer: AIOKafkaProducer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A snapshot and what came after it give the same answers as everything, deletions included."""
    path = tmp_path / "view.snapshot"
    for row in (stats("a", 1, 1), stats("gone", 0, 3), stats("b", 0, 4)):
        await put(producer, stream, COMPONENT_STATS, row)
    for two in (pair("a", "b", 3), pair("a", "c", 2)):
        await put(producer, stream, CO_FAILURES, two)
    async with await OutcomeView.open(settings=stream.settings, snapshot_path=path) as view:
        assert not path.exists()
        assert await view.save_snapshot() == path
    await put(producer, stream, COMPONENT_STATS, (b"gone", None))
    await put(producer, stream, COMPONENT_STATS, stats("new", 1, 0))
    await put(producer, stream, CO_FAILURES, (pair("a", "c", 1)[0], None))
    async with (
        await OutcomeView.open(settings=stream.settings, snapshot_path=path) as again,
        await OutcomeView.open(settings=stream.settings, more=True) as anew,
    ):
        assert again.rows.values == anew.rows.values
        assert again.co_failures(min_count=1) == anew.co_failures(min_count=1) == [("a", "b", 3)]
        assert again.problematic() == ["b"]
    assert "not used" not in caplog.text
    async with await OutcomeView.open(settings=stream.settings, snapshot_path=path, more=True) as more:
        assert more.rows.values == anew.rows.values


@pytest.mark.parametrize("what", ["corrupt", "cut", "other topics", "other cluster", "too old", "made anew"])
async def test_a_snapshot_of_no_use_is_left_aside_with_a_word(
    stream: Stream,
    producer: AIOKafkaProducer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    what: str,
) -> None:
    """What could miss a row is not used, and the log says why; the answers are read anew."""
    path = tmp_path / "view.snapshot"
    await put(producer, stream, COMPONENT_STATS, stats("a", 1, 1))
    async with await OutcomeView.open(settings=stream.settings) as view:
        assert view._load is not None
        as_of, cluster = view.as_of, view._load.cluster
        await view.save_snapshot(path)
    head = Head(cluster, as_of.offsets, time.time_ns() // 1_000_000)
    changed = {
        "other topics": Head(cluster, {"others": [0]}, head.saved_ms),
        "other cluster": Head("another", head.offsets, head.saved_ms),
        "too old": Head(cluster, head.offsets, head.saved_ms - 86_400_000),
        "made anew": Head(cluster, {name: [9] * 4 for name in head.offsets}, head.saved_ms),
    }
    if what in changed:
        write(path, changed[what], [stats("wrong")[1]])
    else:
        content = path.read_bytes()
        path.write_bytes(content[:-40] if what == "cut" else content.replace(b"install", b"untsall"))
    async with await OutcomeView.open(settings=stream.settings, snapshot_path=path) as view:
        assert list(view.rows.values) == ["a"]
    assert f"the snapshot {path} is not used: " in caplog.text


async def test_what_cannot_be_followed_is_named(kafka: EmbeddedKafka, prefix: str) -> None:
    """X10: a missing topic is named, and a broker that does not answer is said to."""
    with pytest.raises(TopicsError, match=f"there is no topic {prefix}component-stats"):
        await OutcomeView.open(settings=load_settings(bootstrap=kafka.bootstrap, topic_prefix=prefix))
    with pytest.raises(KafkaUnavailableError, match=r"no Kafka answers at 127\.0\.0\.1:1"):
        await OutcomeView.open("127.0.0.1:1")


async def test_the_delay_grows_while_the_broker_is_gone(own_broker: Any, prefix: str) -> None:
    """A view that hears nothing says how old it is, and follows on when the broker is back."""
    broker = own_broker()
    stream = await Stream(broker.bootstrap, prefix, request_timeout_s=2).create_topics()
    async with await OutcomeView.open(settings=stream.settings) as view:
        broker.kill()

        async def stale() -> bool:
            return view.as_of.delay_s > 2

        await eventually(stale)
        broker.start()
        async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
            await put(producer, stream, COMPONENT_STATS, stats("later", 1, 0))

        async def back() -> bool:
            return view.success_rate("later") == 1.0 and view.as_of.delay_s < 2

        await eventually(back)
        assert view.error is None


def test_the_blocking_view_needs_no_loop(kafka: EmbeddedKafka, prefix: str, tmp_path: Path) -> None:
    """A script asks, watches and saves without `await`."""
    settings = load_settings(bootstrap=kafka.bootstrap, topic_prefix=prefix)
    asyncio.run(_fill(Stream(kafka.bootstrap, prefix)))
    with BlockingOutcomeView(settings=settings) as view:
        assert (view.success_rate("a"), view.score_multiplier("nobody")) == (0.25, 1.0)
        assert (view.problematic(), view.frequently_removed(), view.deprecated()) == (["a"], [], [])
        assert (view.co_failures(), view.conflicts_with("a")) == ([("a", "b", 2)], [("b", 2)])
        assert view.as_of.behind == 0
        row = view.stats("a")
        assert row is not None
        assert row.install_failures == 3
        assert view.save_snapshot(tmp_path / "s") == tmp_path / "s"
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(next, view.watch())
            while not first.done():  # it may have begun to wait only after a change
                asyncio.run(_fill(Stream(kafka.bootstrap, prefix), create=False))
            assert first.result().kind in {"component", "pair"}
    view.close()
    assert view.problematic() == ["a"]
    with pytest.raises(KafkaUnavailableError):
        BlockingOutcomeView("127.0.0.1:1")


async def _fill(stream: Stream, *, create: bool = True) -> None:
    if create:
        await stream.create_topics()
    async with AIOKafkaProducer(bootstrap_servers=stream.settings.bootstrap) as producer:
        await put(producer, stream, COMPONENT_STATS, stats("a", 1, 3))
        await put(producer, stream, CO_FAILURES, pair("a", "b", 2))


def test_positions_of_a_head() -> None:
    """The offsets of a snapshot are those of its partitions."""
    assert Head("c", {"t": [3, 4]}, 0).positions() == {TopicPartition("t", 0): 3, TopicPartition("t", 1): 4}
