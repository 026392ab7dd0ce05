"""`fleetfold rebuild` on a real broker: what it makes of a log that lies in disorder, and what it says."""

import asyncio
import json
import random
from datetime import timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from processor.broker import EmbeddedKafka
from processor.domain.door import TOO_MANY_HOSTS
from processor.domain.partition import partition_of
from processor.generations import of_generation
from processor.serve.alias import read_aliases
from processor.settings import Settings
from processor.standing import standing
from schemas.topics import HOST_LEDGER, OUTCOME_EVENTS, ROUTED_EVENTS
from tests.integration.test_dead_letters import bury
from tests.integration.test_generations import ran
from tests.oracle import oracle
from tests.records import NOON, at, event, uuid_of
from tests.settled import read_rows
from tests.stream import Stream

pytestmark = pytest.mark.kafka


@pytest.fixture
async def stream(kafka: EmbeddedKafka, prefix: str) -> Stream:
    return await Stream(kafka.bootstrap, prefix).create_topics()


def second_of(stream: Stream, partitions: int) -> Stream:
    """The second generation of a stream."""
    found = Stream(stream.settings.bootstrap, stream.settings.topic_prefix)
    found.settings = of_generation(stream.settings, 2).model_copy(update={"partitions": partitions})
    return found


async def rebuilt(stream: Stream, partitions: int, *words: str, **environment: str) -> tuple[Stream, Any]:
    """Rebuild, and return the second generation and what the command said."""
    more = {"FLEETFOLD_SESSION_TIMEOUT_S": "6", "FLEETFOLD_FETCH_MAX_WAIT_MS": "20", **environment}
    words = ("rebuild", "--partitions", str(partitions), "--processes", "1", "--json", *words)
    done = await ran(stream.settings, *words, **more)
    assert done.returncode == 0, done.stderr
    return second_of(stream, partitions), json.loads(done.stdout)


async def test_hosts_whose_events_lie_everywhere(stream: Stream) -> None:
    """Publishers without a key spread a host over all partitions, years of it: each row equals the oracle's.

    The partitions differ in size, and little of each is in hand at a time: handed on each at its own pace,
    failures would be days late and add no pairs.
    """
    rng = random.Random(3)
    events: list[dict[str, Any]] = []
    async with AIOKafkaProducer(bootstrap_servers=stream.settings.bootstrap) as producer:
        topic = stream.settings.topic(OUTCOME_EVENTS)
        for day in range(30):
            day_events = [
                event(
                    component_id=f"c{rng.randrange(12)}",
                    timestamp=(NOON + timedelta(days=day, seconds=rng.randrange(300))).isoformat(),
                    event_id=uuid_of(len(events) + number),
                    host_id=f"host-{rng.randrange(8)}",
                )
                for number in range(40)
            ]
            events += day_events
            # A day is on the log before the next begins: its record times are earlier.
            places = [rng.choices(range(4), (1, 2, 4, 60))[0] for _ in day_events]
            sent = [
                await producer.send(topic, json.dumps(each).encode(), partition=place)
                for each, place in zip(day_events, places, strict=True)
            ]
            await asyncio.gather(*sent)
    second, said = await rebuilt(stream, 3, FLEETFOLD_MAX_BATCH_RECORDS="10")
    assert said == {"generation": 2, "partitions": 3, "built": True, "was_built": False}
    for row in events:
        row["timestamp"] = row["timestamp"].replace("+00:00", "Z")
    stats, pairs = oracle(events)
    rows = await second.stats()
    assert {each: row["install_failures"] for each, row in rows.items()} == {
        each: row["install_failures"] for each, row in stats.items()
    }
    assert await second.pairs() == pairs
    assert len(pairs) > 30


async def test_the_difference_is_told_with_its_reason(stream: Stream) -> None:
    """With another gap two failures belong together: the pair is new, and the setting is why."""
    failed = [
        event(component_id=name, timestamp=at(second), event_id=uuid_of(second))
        for second, name in ((1, "a"), (91, "b"))
    ]
    await stream.publish(*failed)
    await stream.fold()
    assert await stream.pairs() == {}
    second, told = await rebuilt(stream, 4, "--diff", FLEETFOLD_SESSION_GAP_S="120")
    assert await second.pairs() == {("a", "b"): 1}
    (pair,) = (each for each in told if each["table"] == "co-failures")
    assert pair["ids"] == ["a", "b"]
    assert pair["fields"]["count"] == {"old": None, "new": 1}
    assert "session_gap_s 60 -> 120" in pair["why"]
    (fleet,) = (each for each in told if each["table"] == "fleet-totals")
    assert fleet["fields"] == {"sessions": {"old": 2, "new": 1}}
    assert "session_gap_s 60 -> 120" in fleet["why"]
    assert not [each for each in told if each["table"] == "component-history"]
    again, _ = await rebuilt(stream, 4, "--diff", FLEETFOLD_SESSION_GAP_S="120")
    assert await again.pairs() == {("a", "b"): 1}
    assert (await read_aliases(stream.settings)).built.keys() == {2, 3}


async def test_a_dead_letter_of_a_rebuilt_generation_is_replayed_into_it(stream: Stream) -> None:
    """A replay reaches the generation in use, counts once there, and the next rebuild passes it over."""
    second, _ = await rebuilt(stream, 2)
    await bury(second, json.dumps(event(host_id="host-9")).encode())
    for _ in range(2):
        done = await ran(
            second.settings, "dead-letters", "replay", "--yes", "--json",
            FLEETFOLD_GENERATION="2", FLEETFOLD_PARTITIONS="2",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    async with second.working(), standing(second.settings) as look:
        assert await look.folded(60)
    assert {each: row["install_failures"] for each, row in (await second.stats()).items()} == {
        "pkg:deb/debian/curl": 1
    }
    (copy,) = await second.records(ROUTED_EVENTS)
    assert copy.key == b"host-1"
    assert await stream.records(OUTCOME_EVENTS) == []


async def test_a_void_event_that_found_no_room_stays_void(stream: Stream) -> None:
    """Its mark goes with the dead letter and comes back with the replay: known in the end, never counted."""
    sent = [event(component_id=f"c{n}", host_id=f"host-{n}", event_id=uuid_of(n)) for n in range(6)]
    await stream.publish(*sent)
    await stream.fold()
    for_rebuild = ("retract", "--host", "host-3", "--for-rebuild", "--yes")
    assert (await ran(stream.settings, *for_rebuild)).returncode == 0
    second, _ = await rebuilt(stream, 1, FLEETFOLD_MAX_HOSTS="1")
    assert {reason for _, reason, _ in await second.dead()} == {TOO_MANY_HOSTS}
    done = await ran(
        second.settings, "dead-letters", "replay", "--yes", "--json",
        FLEETFOLD_GENERATION="2", FLEETFOLD_PARTITIONS="1",
    )  # fmt: skip
    assert (done.returncode, len(json.loads(done.stdout)["sent"])) == (0, 5), done.stderr
    async with second.working(), standing(second.settings) as look:
        assert await look.folded(60)
    assert set(await second.stats()) == {"c0", "c1", "c2", "c4", "c5"}
    assert b"host-3" in await read_rows(second.settings, HOST_LEDGER)


async def test_partitions_that_were_added_need_a_rebuild_and_get_one(stream: Stream) -> None:
    """X11, S17: what the first generation refuses, the next one folds."""
    events = [event(component_id="a", host_id=f"host-{n}", event_id=uuid_of(n)) for n in range(40)]
    await stream.publish(*events[:20])
    await stream.fold()
    await add_partitions(stream.settings, 6)
    async with AIOKafkaProducer(bootstrap_servers=stream.settings.bootstrap) as producer:
        for each in events[20:]:
            key = each["host_id"].encode()
            topic, place = stream.settings.topic(OUTCOME_EVENTS), partition_of(key, 6)
            await producer.send_and_wait(topic, json.dumps(each).encode(), key=key, partition=place)
    refused = await ran(stream.settings, "worker", FLEETFOLD_BROKER_WAIT_S="1")
    assert refused.returncode == 2
    assert "fleetfold rebuild" in refused.stderr
    second, _ = await rebuilt(stream, 4)
    assert (await second.stats())["a"]["install_failures"] == 40
    async with second.working(), standing(second.settings) as look:
        await stream.publish(event(component_id="a", host_id="one-more", event_id=uuid_of(99)))
        assert await look.folded(60)
    assert (await second.stats())["a"]["install_failures"] == 41


async def add_partitions(settings: Settings, count: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap)
    await admin.start()
    try:
        await admin.create_partitions({settings.topic(OUTCOME_EVENTS): NewPartitions(count)})
    finally:
        await admin.close()
