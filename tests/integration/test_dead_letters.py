"""Dead letters as a person meets them: listed, shown, and replayed once."""

import asyncio
import json
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner, Result

from processor.broker import EmbeddedKafka
from processor.cli.main import app
from processor.deadletters import Wanted
from processor.domain.partition import partition_of
from processor.replay import ReplayError, plan, replay
from schemas.topics import DEAD_LETTERS, OUTCOME_EVENTS
from tests.integration.test_corrections import command as corrected
from tests.records import event, uuid_of
from tests.settled import check_settled
from tests.stream import Stream

pytestmark = pytest.mark.kafka

BURIED_MS = 1_780_000_000_000


@pytest.fixture
async def stream(kafka: EmbeddedKafka, prefix: str) -> Stream:
    return await Stream(kafka.bootstrap, prefix).create_topics()


async def command(stream: Stream, *arguments: str) -> Result:
    """Run `fleetfold dead-letters …` on the stream's topics."""
    settings = stream.settings
    where = ["--bootstrap", settings.bootstrap, "--topic-prefix", settings.topic_prefix]
    return await asyncio.to_thread(CliRunner().invoke, app, ["dead-letters", *arguments, *where])


async def bury(stream: Stream, value: bytes, *, offset: int = 7, size: int | None = None) -> None:
    """Leave what an older worker would have left, for a record that today's can read."""
    settings = stream.settings
    headers = {
        "reason": "unknown_outcome_type",
        "field": "outcome_type",
        "topic": settings.topic(OUTCOME_EVENTS),
        "partition": "0",
        "offset": str(offset),
        "time": str(BURIED_MS),
        "size": str(len(value) if size is None else size),
    }
    async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap) as producer:
        await producer.send_and_wait(
            settings.topic(DEAD_LETTERS),
            value,
            key=b"host-1",
            partition=0,
            headers=[(f"fleetfold-{name}", text.encode()) for name, text in headers.items()],
        )


async def test_list_and_show(stream: Stream) -> None:
    """X1, X2, X9: what came in wrong is listed with its reason and place, and shown whole and harmlessly."""
    await stream.publish(b"not \x1b[2J json", b'{"component_id": ""}', key=b"k", partition=2)
    await stream.fold()
    listed = json.loads((await command(stream, "list", "--json")).stdout)
    assert [(one["reason"], one["field"], one["offset"]) for one in listed] == [
        ("empty", "component_id", 1),
        ("not_json", "", 0),
    ]
    assert {one["letter"] for one in listed} == {"2:0", "2:1"}
    assert len(json.loads((await command(stream, "list", "--json", "--limit", "1")).stdout)) == 1
    only = json.loads((await command(stream, "list", "--json", "--reason", "not_json")).stdout)
    assert [one["letter"] for one in only] == ["2:0"]
    assert (
        json.loads((await command(stream, "list", "--json", "--since", "2999-01-01T00:00:00Z")).stdout) == []
    )
    text = await command(stream, "list")
    assert "\\x1b[2J" in text.stdout
    assert "\x1b" not in text.stdout
    shown = await command(stream, "show", "2:0")
    assert "not \\x1b[2J json" in shown.stdout
    assert "still no event: not_json" in shown.stdout
    nothing = await command(stream, "show", "2:9")
    assert nothing.exit_code == 1


async def test_what_is_still_no_event_is_not_sent(stream: Stream) -> None:
    """X1: a replay looks first; what today's worker would bury again stays where it is, exit code 1."""
    await stream.publish(b"not json", partition=2)
    await stream.fold()
    result = await command(stream, "replay", "--yes")
    assert result.exit_code == 1
    assert "2:0: still no event: not_json" in result.stdout
    assert len(await stream.records(OUTCOME_EVENTS)) == 1


async def test_a_letter_is_replayed_once(stream: Stream) -> None:
    """A replayed event keeps its first time, goes where its host lives, and counts once."""
    value = orjson.dumps({"component_id": "pkg:a", "outcome_type": "install_failure", "host_id": "host-1"})
    await bury(stream, value)
    dry = await command(stream, "replay", "--dry-run")
    assert (dry.exit_code, dry.stdout) == (0, "1 to be sent, 0 replayed before\n")
    assert await stream.records(OUTCOME_EVENTS) == []
    assert (await command(stream, "replay", "--yes")).stdout == "1 sent, 0 replayed before\n"
    assert (await command(stream, "replay", "--yes")).stdout == "0 sent, 1 replayed before\n"
    await stream.fold()
    (sent,) = await stream.records(OUTCOME_EVENTS)
    assert (sent.key, sent.value) == (b"host-1", value)
    row: dict[str, Any] = (await stream.stats())["pkg:a"]
    assert (row["install_failures"], row["first_seen"]) == (1, "2026-05-28T20:26:40.000000Z")
    (listed,) = json.loads((await command(stream, "list", "--json")).stdout)
    assert listed["replayed"]
    await check_settled(stream.settings)


async def test_a_copy_in_the_wrong_partition_is_mended(stream: Stream) -> None:
    """S12: what was misrouted twice is sent where its host lives."""
    host = next(f"host-{n}" for n in range(99) if partition_of(f"host-{n}".encode(), 4) != 0)
    copied = [("fleetfold-from", b"elsewhere/0/0"), ("fleetfold-time", b"%d" % BURIED_MS)]
    await stream.publish(event(host_id=host), partition=0, headers=copied)
    await stream.fold()
    assert (await stream.stats()) == {}
    found = await replay(stream.settings, Wanted(reason="misrouted_twice"))
    assert [copy.partition for _, copy in found.ready] == [partition_of(host.encode(), 4)]
    await stream.fold()
    (row,) = (await stream.stats()).values()
    assert row["install_failures"] == 1


@pytest.mark.parametrize("what", [["retract", "--component", "bad"], ["forget", "component", "bad"]])
async def test_what_a_correction_took_back_is_not_replayed(stream: Stream, what: list[str]) -> None:
    """What a correction names and reached is refused with a word; others, and later ones, count."""
    counted = [event(component_id="bad", host_id="h1", event_id=uuid_of(number)) for number in range(9)]
    for partition in range(4):
        await stream.publish(*counted, partition=partition)
    await stream.fold()
    for offset, name in ((7, "bad"), (8, "good"), (9_000, "bad")):  # the last: after the correction
        await bury(stream, orjson.dumps(event(component_id=name, event_id=uuid_of(offset))), offset=offset)
    assert (await corrected(stream, *what, "--yes")).exit_code == 0
    await stream.fold()
    assert "bad" not in await stream.stats()
    result = await command(stream, "replay", "--yes", "--json")
    said = json.loads(result.stdout)
    assert (result.exit_code, len(said["sent"])) == (1, 2)
    assert [each["why"] for each in said["refused"]] == ["a correction took its event back"]
    await stream.fold()
    assert {name: row["install_failures"] for name, row in (await stream.stats()).items()} == {
        "bad": 1,
        "good": 1,
    }


async def test_a_copy_without_room_is_judged_by_its_original(kafka: EmbeddedKafka, prefix: str) -> None:
    """A stray's copy that came after the correction, and became a dead letter, is still taken back."""
    small = await Stream(kafka.bootstrap, prefix, max_hosts=1).create_topics()
    home = partition_of(b"host-1", 4)
    first = next(f"h{n}" for n in range(99) if partition_of(f"h{n}".encode(), 4) == home)
    await small.publish(event(host_id=first, event_id=uuid_of(1)))
    stray = event(host_id="host-1", component_id="stray", event_id=uuid_of(2))
    await small.publish(stray, partition=(home + 1) % 4)
    assert (await corrected(small, "retract", "--host", "host-1", "--for-rebuild", "--yes")).exit_code == 0
    await small.fold()
    assert [reason for _, reason, _ in await small.dead()] == ["too_many_hosts"]
    result = await command(small, "replay", "--yes", "--json")
    assert [each["why"] for each in json.loads(result.stdout)["refused"]] == [
        "a correction took its event back"
    ]


async def test_a_truncated_letter_cannot_be_replayed(stream: Stream) -> None:
    """X12: of which only a part is kept cannot be sent again, and that is said."""
    await bury(stream, orjson.dumps(event()), size=70_000)
    result = await command(stream, "replay", "--yes")
    assert result.exit_code == 1
    assert "of its 70000 bytes are kept" in result.stdout


async def test_two_replays_at_a_time_send_once(stream: Stream) -> None:
    """Two people who replay at once: one may be shut out, and every letter is sent exactly once."""
    for offset in range(20):
        await bury(stream, orjson.dumps(event()), offset=offset)
    ends = await asyncio.gather(
        *(replay(stream.settings, Wanted()) for _ in range(3)), return_exceptions=True
    )
    assert all(not isinstance(end, BaseException) or isinstance(end, ReplayError) for end in ends), ends
    await replay(stream.settings, Wanted())
    assert len(await stream.records(OUTCOME_EVENTS)) == 20
    assert len((await plan(stream.settings, Wanted())).done_before) == 20
