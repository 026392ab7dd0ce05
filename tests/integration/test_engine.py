"""The engine on a real broker, with a fold that knows nothing of outcomes."""

import asyncio
import itertools
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from processor.engine import producers
from processor.engine.changelog import read_to_end
from processor.engine.claims import read_claims
from processor.engine.errors import EngineError, RefusedError
from processor.engine.runner import check_layout
from processor.engine.transaction import Joint
from tests.waiting import eventually
from tests.words import PARTITIONS, Words, running

pytestmark = pytest.mark.kafka


@pytest.fixture
async def words(kafka: Any, prefix: str) -> Words:
    made = Words(kafka.bootstrap, prefix)
    await made.create_topics()
    return made


async def failed(app: Any) -> EngineError:
    """Wait for a worker's failure."""
    async with asyncio.timeout(30):
        await app.engine.failed.wait()
    reason: EngineError = app.engine.reason()
    return reason


async def test_each_record_is_folded_exactly_once(words: Words) -> None:
    """S1: table and output of a plain run hold each record once."""
    await words.publish(f"word-{n % 7}" for n in range(2_000))
    async with running(words.app()):
        await words.wait_until_counted()
    await words.check_exact()


async def test_a_restarted_worker_restores_and_goes_on(words: Words) -> None:
    """S13: a worker with nothing on disk goes on from the changelog, with the counts as they were."""
    for _ in range(3):
        await words.publish(f"word-{n % 5}" for n in range(500))
        async with running(words.app()):
            await words.wait_until_counted()
    await words.check_exact()


async def test_nothing_grows_with_the_number_of_batches(words: Words) -> None:
    """What Faust would keep of each batch until a commit of its own is not kept: it never commits here."""
    app = words.app()
    async with running(app):
        for _ in range(5):
            await words.publish(f"word-{n % 5}" for n in range(500))
            await words.wait_until_counted()
        consumer = app.consumer
        assert not any(consumer._gap.values())
        assert not any(consumer._acked.values())
        assert not consumer._unacked_messages


async def test_no_read_of_a_changelog_comes_back_empty(words: Words) -> None:
    """S13, the first hole: with aiokafka's default reset, 13 of 120 such reads returned nothing."""
    async with AIOKafkaProducer(bootstrap_servers=words.bootstrap) as producer:
        await producer.send_and_wait(words.counts, b"1", key=b"word", partition=0)
    for _ in range(120):
        found: list[bytes] = []
        await read_to_end(
            words.config(),
            [TopicPartition(words.counts, 0)],
            lambda _tp, records, found=found: found.extend(r.value or b"" for r in records),  # type: ignore[misc] # bound early
        )
        assert found == [b"1"]


async def test_a_read_waits_for_what_an_open_transaction_hides(words: Words) -> None:
    """S13: the end is the high watermark; a checkpoint behind the last stable offset is not missed."""
    row = TopicPartition(words.counts, 0)
    producer = AIOKafkaProducer(bootstrap_servers=words.bootstrap, transactional_id=f"{words.group}-open")
    async with producer:
        await producer.begin_transaction()
        await producer.send_and_wait(row.topic, b"1", key=b"word", partition=0)
        found: list[bytes] = []
        read = asyncio.create_task(
            read_to_end(
                words.config(), [row], lambda _tp, records: found.extend(r.value or b"" for r in records)
            )
        )
        done, _ = await asyncio.wait([read], timeout=1.0)
        assert not done
        await producer.commit_transaction()
        await read
    assert found == [b"1"]


async def test_a_rebalance_waits_for_commits_in_flight(words: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    """S9, the second hole: with slow commits, a worker that joins and one that leaves fold nothing twice."""
    commit = producers.FencedProducer.commit

    delays_s = itertools.cycle((1.5, 0.0))

    async def slow_commit(self: producers.FencedProducer, transaction: Joint) -> None:
        await asyncio.sleep(next(delays_s))
        await commit(self, transaction)

    monkeypatch.setattr(producers.FencedProducer, "commit", slow_commit)
    await words.publish(f"word-{n % 7}" for n in range(4_000))
    changes = {"max_batch_records": 200}
    async with running(words.app(**changes)) as first:
        await eventually(lambda: has_commits(first), 30)
        async with running(words.app(**changes)) as second:
            await eventually(lambda: has_commits(second), 30)
        await words.wait_until_counted()
    await words.check_exact()


async def has_commits(app: Any) -> bool:
    return bool(app.engine._commits)


async def test_deleted_group_offsets_reset_nothing(words: Words) -> None:
    """S17, the third hole: without the group's offsets, a worker goes on from its checkpoints."""
    await words.publish(f"word-{n % 5}" for n in range(1_000))
    async with running(words.app()):
        await words.wait_until_counted()
    # Another group has no offsets at all, which is what is left of one that was idle for a week.
    await words.publish(f"word-{n % 5}" for n in range(1_000))
    async with running(words.app(app_id=f"{words.group}-other")):
        await words.wait_until_counted()
    await words.check_exact()


async def test_moved_group_offsets_stop_the_start(words: Words) -> None:
    """S17: an operator's reset of the group's offsets is refused, with exit code 2 and the way back."""
    await words.publish(f"word-{n % 5}" for n in range(100))
    async with running(words.app()):
        await words.wait_until_counted()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=words.bootstrap, group_id=words.group, enable_auto_commit=False
    )
    consumer.assign([TopicPartition(words.source, 1)])
    await consumer.start()
    await consumer.commit({TopicPartition(words.source, 1): OffsetAndMetadata(3, "")})
    await consumer.stop()
    app = words.app()
    start = asyncio.create_task(app.start())
    reason = await failed(app)
    assert isinstance(reason, RefusedError)
    assert reason.exit_code == 2
    assert "moved to 3" in str(reason)
    start.cancel()
    await app.stop()
    await app.engine.close()


async def test_another_layout_stops_the_start(words: Words) -> None:
    """S17: state that was made with other settings is not folded on."""
    await check_layout(words.config())
    await check_layout(words.config())
    with pytest.raises(RefusedError, match="partitions: stored 4, now 8"):
        await check_layout(words.config(layout={"partitions": 8}))


async def test_a_former_layout_is_taken_over(words: Words) -> None:
    """S17: a release that reads the state of the one before puts its own layout; then that one is refused."""
    former = {"partitions": 4, "stats_version": 0}
    await check_layout(words.config(layout=former))
    with pytest.raises(RefusedError, match="stats_version: stored 0, now 1"):
        await check_layout(words.config(layout={**former, "stats_version": 1}))
    upgraded = words.config(layout={**former, "stats_version": 1}, former_layouts=[former])
    await check_layout(upgraded)
    await check_layout(upgraded)
    with pytest.raises(RefusedError, match="stats_version: stored 1, now 0"):
        await check_layout(words.config(layout=former))


async def test_a_fold_that_raises_commits_nothing(words: Words) -> None:
    """X8: an exception in a fold ends the worker, with the batch uncommitted; the next one folds it."""
    await words.publish(["good", "not a number"])
    app = words.app()

    def raising(*_: object) -> None:
        raise ValueError("a bug in the fold")

    engine = app.engine
    process = engine.process
    engine.process = lambda batch, _fold: process(batch, raising)  # type: ignore[assignment, method-assign] # the fault
    await check_layout(engine.config)
    start = asyncio.create_task(app.start())
    reason = await failed(app)
    assert "a bug in the fold" in str(reason)
    start.cancel()
    await app.stop()
    await engine.close()
    assert await words.counted() == {}
    async with running(words.app()):
        await words.wait_until_counted()
    await words.check_exact()


async def test_a_fenced_worker_changes_nothing(words: Words) -> None:
    """S10: who continues after another took its partition over cannot commit what it had in hand."""
    await words.publish(f"word-{n % 5}" for n in range(100))
    app = words.app()
    async with running(app, fails=True):
        await words.wait_until_counted()
        claims = await read_claims(words.config(), [TopicPartition(words.source, 2)])
        usurper = producers.FencedProducer(words.config(), claims[TopicPartition(words.source, 2)].holder)
        await usurper.start()
        await words.publish(f"word-{n % 5}" for n in range(100))
        reason = await failed(app)
        assert "words[2]" in str(reason)
        await usurper.stop()
    async with running(words.app()):
        await words.wait_until_counted()
    await words.check_exact()


async def test_checkpoints_equal_the_groups_offsets(words: Words) -> None:
    """S16: both are written by the same transaction, and lie at the end of the log."""
    await words.publish(f"word-{n % 5}" for n in range(400))
    async with running(words.app()) as app:
        await words.wait_until_counted()
        checkpoints = dict(app.engine.ownership.positions)
        sources = [TopicPartition(words.source, number) for number in range(PARTITIONS)]
        committed = {tp: await app.consumer.kafka.committed(tp) for tp in sources}
    assert committed == checkpoints == dict.fromkeys(sources, 100)
