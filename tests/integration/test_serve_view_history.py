"""Time lines in a view, on a real broker: followed where they are asked for, kept over a restart."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from processor.broker import EmbeddedKafka
from processor.serve import BlockingOutcomeView, OutcomeView
from processor.serve.historyrows import NoHistoryError
from processor.settings import load_settings
from processor.topics import create
from schemas.topics import COMPONENT_HISTORY, COMPONENT_STATS
from tests.served import EVIL, Row, day, stats
from tests.stream import Stream
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

OLD, NEW = day(EVIL, "2026-01-01", 1, 2), day(EVIL, "2026-01-02", 3, 4, hours={"05": [3, 4, 0, 0]})


@pytest.fixture
async def stream(kafka: Any, prefix: str) -> Stream:
    stream = await Stream(kafka.bootstrap, prefix).create_topics()
    await put(stream, COMPONENT_STATS, stats(EVIL, 4, 6))
    await put(stream, COMPONENT_HISTORY, OLD, NEW, day("other", "2026-01-02", 1))
    return stream


async def put(stream: Stream, topic: str, *rows: tuple[bytes, bytes | None]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=stream.settings.bootstrap) as producer:
        for key, value in rows:
            await producer.send_and_wait(stream.settings.topic(topic), key=key, value=value)


def failures(view: OutcomeView) -> list[int]:
    return [each.install_failures for each in view.history(EVIL).days]


async def test_time_lines_are_followed(stream: Stream) -> None:
    """A view that was opened for them has them, and each change of one is news."""
    async with await OutcomeView.open(settings=stream.settings, history=True) as view:
        assert failures(view) == [2, 4]
        assert [each.start.hour for each in view.history(EVIL).hours] == [5]
        changes = view.watch()
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        await put(stream, COMPONENT_HISTORY, day(EVIL, "2026-01-03", 0, 9), (OLD[0], None))
        async with asyncio.timeout(30):
            change = await waiting
        assert (change.kind, change.ids, change.row) == ("history", (EVIL,), None)

        async def both() -> bool:
            return failures(view) == [4, 9]

        await eventually(both)
        assert view.bad_rows == 0


async def test_who_does_not_ask_for_time_lines_does_not_read_them(stream: Stream) -> None:
    """A scoring service's view follows two topics, and says what to do when it is asked all the same."""
    async with await OutcomeView.open(settings=stream.settings) as view:
        assert stream.settings.topic(COMPONENT_HISTORY) not in view.as_of.offsets
        assert view.success_rate(EVIL) == 0.4
        with pytest.raises(NoHistoryError, match="history=True"):
            view.history(EVIL)


async def test_a_restart_reads_only_the_new_days(
    stream: Stream, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """X9: the snapshot holds the days; what was written and deleted since is the same as read anew."""
    path = tmp_path / "view.snapshot"
    async with await OutcomeView.open(settings=stream.settings, snapshot_path=path, history=True) as view:
        await view.save_snapshot()
    rows: list[Row] = [day(EVIL, "2026-01-02", 3, 7), day("new", "2026-01-03", 1)]
    await put(stream, COMPONENT_HISTORY, *rows, (OLD[0], None))
    async with (
        await OutcomeView.open(settings=stream.settings, snapshot_path=path, history=True) as again,
        await OutcomeView.open(settings=stream.settings, history=True) as anew,
    ):
        assert again.days is not None
        assert anew.days is not None
        assert again.days.days == anew.days.days
        assert (failures(again), again.days.count, again.bad_rows) == ([7], 3, 0)
    assert "not used" not in caplog.text
    async with await OutcomeView.open(settings=stream.settings, snapshot_path=path) as without:
        assert without.success_rate(EVIL) == 0.4
    assert "it is of other topics" in caplog.text


def test_the_blocking_view_has_time_lines(kafka: EmbeddedKafka, prefix: str) -> None:
    """A script gets them without `await`."""
    settings = load_settings(bootstrap=kafka.bootstrap, topic_prefix=prefix)

    async def fill() -> None:
        await create(settings)
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
            await producer.send_and_wait(settings.topic(COMPONENT_HISTORY), key=NEW[0], value=NEW[1])

    asyncio.run(fill())
    with BlockingOutcomeView(settings=settings, history=True) as view:
        assert [each.install_failures for each in view.history(EVIL).days] == [4]
        assert view.history("unknown").days == []
