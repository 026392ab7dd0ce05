"""Generations on a real broker: readers move from one to another and back, without a gap."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from processor.broker import EmbeddedKafka
from processor.generations import GenerationError, begin, mark_built, of_generation, own_topics, switch
from processor.serve import BlockingOutcomeView, MissedError, OutcomeView
from processor.settings import Settings
from processor.topics import create
from schemas.topics import CO_FAILURES, COMPONENT_HISTORY, COMPONENT_STATS, CORRECTIONS
from tests.served import day, pair, stats
from tests.serving import Service
from tests.stream import Stream
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

COMPONENTS = [f"component-{number:03}" for number in range(300)]


@pytest.fixture
async def stream(kafka: EmbeddedKafka, prefix: str) -> Stream:
    return await Stream(kafka.bootstrap, prefix).create_topics()


async def made_by_hand(stream: Stream) -> Settings:
    """Two generations whose rows differ in every value: of the first, all work; of the second, all fail."""
    second = of_generation(stream.settings, 2).model_copy(update={"partitions": 3})
    await begin(second, 0)
    await create(second)
    await mark_built(second)
    async with AIOKafkaProducer(bootstrap_servers=second.bootstrap) as producer:
        for settings, row in ((stream.settings, (4, 0)), (second, (1, 3))):
            topic = settings.topic(COMPONENT_STATS)
            rows = [stats(each, *row) for each in COMPONENTS]
            await asyncio.gather(*[await producer.send(topic, key=key, value=value) for key, value in rows])
        key, value = pair("component-000", "component-001", 7)
        await producer.send_and_wait(second.topic(CO_FAILURES), key=key, value=value)
        key, value = day("component-000", "2026-01-02", 1, 3)
        await producer.send_and_wait(second.topic(COMPONENT_HISTORY), key=key, value=value)
    return second


def fleetfold(settings: Settings, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    told = {
        "FLEETFOLD_BOOTSTRAP": settings.bootstrap,
        "FLEETFOLD_TOPIC_PREFIX": settings.topic_prefix,
        "FLEETFOLD_APP_ID": settings.app_id,
    }
    command = [sys.executable, "-m", "processor.cli.main", *words]
    return subprocess.run(
        command, env=os.environ | told | environment, capture_output=True, text=True, check=False
    )


async def ran(settings: Settings, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(fleetfold, settings, *words, **environment)


async def test_a_view_moves_without_a_gap_and_back(stream: Stream) -> None:
    """A reader that asks all the time sees one generation or the other, whole, and knows which."""
    await made_by_hand(stream)
    seen: set[tuple[int, frozenset[float]]] = set()

    async with await OutcomeView.open(settings=stream.settings) as view:

        async def shows(generation: int) -> bool:
            rates = frozenset(view.success_rate(each) for each in COMPONENTS)
            seen.add((view.as_of.generation, rates))
            return view.as_of.generation == generation

        assert await shows(1)
        changes = view.watch()
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        await switch(stream.settings, 2)
        await eventually(lambda: shows(2), 30)
        with pytest.raises(MissedError):
            await waiting
        assert view.co_failures(min_count=1) == [("component-000", "component-001", 7)]
        assert all(".g2." in topic or "-g2." in topic for topic in view.as_of.offsets)
        await switch(stream.settings, 1)
        await eventually(lambda: shows(1), 30)
        assert view.co_failures(min_count=1) == []
        assert view.bad_rows == 0
    assert seen == {(1, frozenset({1.0})), (2, frozenset({0.25}))}


async def test_a_view_that_moved_follows_what_comes(stream: Stream) -> None:
    """After a switch the rows of the new generation are kept up, and changes are told again."""
    second = await made_by_hand(stream)
    async with await OutcomeView.open(settings=stream.settings) as view:
        await switch(stream.settings, 2)
        await eventually(_is(lambda: view.as_of.generation == 2), 30)
        changes = view.watch()
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        async with AIOKafkaProducer(bootstrap_servers=second.bootstrap) as producer:
            key, value = stats("new", 1, 0)
            await producer.send_and_wait(second.topic(COMPONENT_STATS), key=key, value=value)
        async with asyncio.timeout(30):
            assert (await waiting).ids == ("new",)
        assert view.success_rate("new") == 1.0


def _is(true: Callable[[], bool]) -> Callable[[], Any]:
    async def condition() -> bool:
        return true()

    return condition


async def test_readers_begin_with_the_live_generation(stream: Stream) -> None:
    """Views, queries and exports that name none follow the alias; who names one gets that."""
    second = await made_by_hand(stream)
    await switch(stream.settings, 2)
    with await asyncio.to_thread(BlockingOutcomeView, settings=stream.settings) as view:
        assert view.as_of.generation == 2
        assert view.success_rate("component-000") == 0.25
    async with await OutcomeView.open(settings=of_generation(second, 1)) as first:
        assert first.success_rate("component-000") == 1.0
    live = await ran(stream.settings, "stats", "component-000", "--json")
    assert json.loads(live.stdout)[0]["install_failures"] == 3
    assert [each["install_failures"] for each in json.loads(live.stdout)[0]["history"]["days"]] == [3]
    named = await ran(stream.settings, "stats", "component-000", "--json", FLEETFOLD_GENERATION="1")
    assert json.loads(named.stdout)[0]["install_failures"] == 0
    assert json.loads(named.stdout)[0]["history"]["days"] == []


async def test_a_view_waits_where_the_generation_is_not_there(
    stream: Stream, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alias that names what cannot be read changes nothing, is told, and is followed once it can be."""
    monkeypatch.setattr("processor.serve.view._MOVE_AGAIN_S", 0.1)
    async with AIOKafkaProducer(bootstrap_servers=stream.settings.bootstrap) as producer:
        key, value = stats("a", 1, 0)
        await producer.send_and_wait(stream.settings.topic(COMPONENT_STATS), key=key, value=value)
    async with await OutcomeView.open(settings=stream.settings) as view:
        await switch(stream.settings, 2)
        await eventually(_is(lambda: "generation 2 is not put to use yet" in caplog.text), 30)
        assert view.success_rate("a") == 1.0
        await made_by_hand(stream)
        await eventually(_is(lambda: view.as_of.generation == 2), 30)
        assert view.success_rate("component-000") == 0.25


async def test_the_service_says_which_generation_it_shows(stream: Stream, tmp_path: Path) -> None:
    """Status and answers change together over HTTP; a page of a list is of one generation."""
    await made_by_hand(stream)
    with Service(stream.settings, tmp_path / "serve.log").gone_at_the_end() as service:
        await service.ready()
        assert (await service.json("/v1/status"))["generation"] == 1
        await switch(stream.settings, 2)
        rates = set()

        async def moved() -> bool:
            page = await service.json("/v1/components?limit=1000")
            rates.add(frozenset(each["success_rate"] for each in page["components"]))
            assert len(page["components"]) == len(COMPONENTS)
            return bool((await service.json("/v1/status"))["generation"] == 2)

        await eventually(moved, 30)
        assert (await service.json("/v1/components/component-000"))["success_rate"] == 0.25
        assert rates <= {frozenset({1.0}), frozenset({0.25})}
        assert await service.stop() == 0


async def test_switch_refuses_what_is_not_ready(stream: Stream) -> None:
    """What is missing, half built or lags is refused with exit code 1 and a word; --force overrides."""
    settings = stream.settings
    missing = await ran(settings, "switch", "2")
    assert missing.returncode == 1
    assert "there is no generation 2" in missing.stderr
    second = of_generation(settings, 2)
    await begin(second, 0)
    await create(second)
    half = await ran(settings, "switch", "2")
    assert half.returncode == 1
    assert "not built" in half.stderr
    await mark_built(second)
    await stream.publish({"component_id": "a", "outcome_type": "used_in_session", "host_id": "h"})
    lagging = await ran(settings, "switch", "2")
    assert lagging.returncode == 1
    assert "lags: 1 offsets" in lagging.stderr
    async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap) as producer:
        await producer.send_and_wait(settings.topic(CORRECTIONS), b"{}", partition=0)
    corrected = await ran(settings, "switch", "2")
    assert corrected.returncode == 1
    assert "1 later correction(s)" in corrected.stderr
    forced = await ran(settings, "switch", "2", "--force", "--json")
    assert forced.returncode == 0, forced.stderr
    assert json.loads(forced.stdout) == {"live": 2, "before": 1}
    listed = json.loads((await ran(settings, "generations", "--json")).stdout)
    assert [(row["generation"], row["live"], row["lag"]) for row in listed] == [(1, False, 1), (2, True, 1)]


async def test_drop_deletes_a_generation_and_never_the_live_one(stream: Stream) -> None:
    """Its topics go, the events and the other generation stay, and its number is not used again."""
    second = await made_by_hand(stream)
    await switch(stream.settings, 2)
    refused = await ran(stream.settings, "drop-generation", "2")
    assert refused.returncode == 1
    assert "live" in refused.stderr
    await switch(stream.settings, 1)
    dropped = await ran(stream.settings, "drop-generation", "2", "--json")
    assert sorted(json.loads(dropped.stdout)["deleted"]) == sorted(own_topics(second, 2))
    assert (await ran(stream.settings, "stats", "component-000")).returncode == 0
    with pytest.raises(GenerationError, match="used once"):
        await begin(second, 0)
    again = await ran(stream.settings, "switch", "2")
    assert again.returncode == 1


async def test_a_worker_waits_for_the_end_of_a_rebuild(stream: Stream) -> None:
    """Workers of a generation that is not built would fold beside the rebuild's: they are refused."""
    second = of_generation(stream.settings, 2)
    await create(second)
    refused = await ran(stream.settings, "worker", FLEETFOLD_GENERATION="2")
    assert refused.returncode == 2
    assert "fleetfold rebuild" in refused.stderr
