"""Corrections on a real broker: what is taken back is gone from every row, exactly, and once."""

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from processor.broker import EmbeddedKafka
from processor.cli.main import app
from processor.correct.audit import read_corrections
from processor.correct.request import CorrectionError, Request
from processor.correct.writing import correct
from processor.domain.partition import partition_of
from schemas.corrections import CorrectionKind
from schemas.topics import HOST_LEDGER, OUTCOME_EVENTS
from tests.oracle import oracle
from tests.records import at, event, uuid_of
from tests.settled import check_settled, read_rows, wait_until_folded
from tests.stream import Stream

pytestmark = pytest.mark.kafka

BAD = "bad-host"
OUTCOMES = ("install_failure", "install_failure", "install_success", "used_in_session", "removed_by_user")


@pytest.fixture
async def stream(kafka: EmbeddedKafka, prefix: str) -> Stream:
    return await Stream(kafka.bootstrap, prefix).create_topics()


async def command(stream: Stream, *arguments: str) -> Result:
    """Run a command on the stream's topics."""
    settings = stream.settings
    where = ["--bootstrap", settings.bootstrap, "--topic-prefix", settings.topic_prefix]
    environment = {"FLEETFOLD_APP_ID": settings.app_id}
    return await asyncio.to_thread(CliRunner().invoke, app, [*arguments, *where], env=environment)


def history(count: int = 300, seed: int = 1, first: int = 0) -> list[dict[str, Any]]:
    """Events of five hosts and eight components within a quarter of an hour, in order of arrival."""
    rng = random.Random(seed)
    return [
        event(
            component_id=f"c{rng.randrange(8)}",
            outcome_type=rng.choice(OUTCOMES),
            timestamp=at(rng.randrange(900)),
            host_id=rng.choice([BAD, "h1", "h2", "h3", "h4"]),
            event_id=uuid_of(first + number),
        )
        for number in range(count)
    ]


async def check(stream: Stream, events: list[dict[str, Any]]) -> None:
    """Compare with what the events that count come to: pairs whole, rows but for times that may be stale."""
    rows, pairs = await stream.stats(), await stream.pairs()
    expected_rows, expected_pairs = oracle(events)
    assert pairs == expected_pairs
    assert rows.keys() == expected_rows.keys()
    for component, row in rows.items():
        expected = expected_rows[component]
        stale = row["notes"] is not None and row["notes"]["has_stale_times"]
        assert exact(row, stale=stale) == exact(expected, stale=stale)
    await check_settled(stream.settings)


def exact(row: dict[str, Any], *, stale: bool) -> dict[str, Any]:
    """What must be equal: all of a row, or its counts where its times may be stale."""
    return {name: value for name, value in row.items() if isinstance(value, int) or not stale}


async def test_a_host_is_forgotten(stream: Stream) -> None:
    """What a host reported leaves counts, pairs and ledger; a second time there is nothing to forget."""
    events = history()
    await stream.publish(*events)
    await stream.fold()
    dry = await command(stream, "forget", "host", BAD, "--dry-run", "--json")
    assert dry.exit_code == 0
    of_host = sum(each["host_id"] == BAD for each in events)
    assert json.loads(dry.stdout)["events"] == of_host
    assert (await read_corrections(stream.settings)).all == []
    done = await command(stream, "forget", "host", BAD, "--yes", "--reason", "left the fleet")
    assert (done.exit_code, done.stdout) == (0, f"{of_host} events of 1 hosts are taken back\n")
    await stream.fold()
    await check(stream, [each for each in events if each["host_id"] != BAD])
    assert BAD.encode() not in await read_rows(stream.settings, HOST_LEDGER)
    (entry,) = json.loads((await command(stream, "corrections", "--json")).stdout)
    assert (entry["kind"], entry["events"], entry["reason"]) == ("forget_host", of_host, "left the fleet")
    assert entry["by"]


async def test_a_component_is_forgotten_and_may_come_again(stream: Stream) -> None:
    """Row and pairs go with tombstones; what is reported later counts from nothing, and exactly."""
    events = history()
    await stream.publish(*events)
    await stream.fold()
    assert (await command(stream, "forget", "component", "c3", "--yes")).exit_code == 0
    await stream.fold()
    kept = [each for each in events if each["component_id"] != "c3"]
    await check(stream, kept)
    again = history(100, seed=2, first=1_000)
    await stream.publish(*again)
    await stream.fold()
    await check(stream, kept + again)
    assert (await command(stream, "forget", "component", "never seen", "--yes")).exit_code == 1


@pytest.mark.parametrize(
    "what",
    [
        ["--since", at(300), "--until", at(600)],
        ["--host", BAD, "--outcome", "install_failure"],
        ["--event-id", uuid_of(3), "--event-id", uuid_of(40), "--component", "c1"],
    ],
    ids=["time", "host", "ids"],
)
async def test_a_bad_batch_is_retracted(stream: Stream, what: list[str]) -> None:
    """By time, host and type, or ids: what is named is gone, and a copy of it is a duplicate as before."""
    events = history()
    await stream.publish(*events)
    async with stream.working():
        await wait_until_folded(stream.settings)
        done = await command(stream, "retract", *what, "--yes", "--json")
        assert done.exit_code == 0, done.output
        await wait_until_folded(stream.settings)
        await stream.publish(*events[-30:])
        await wait_until_folded(stream.settings)
    kept = [each for each in events if not named(each, dict(zip(what[::2], what[1::2], strict=True)), what)]
    assert len(kept) == len(events) - json.loads(done.stdout)["events"]
    await check(stream, kept)
    again = await command(stream, "retract", *what, "--yes")
    assert again.exit_code == 1


def named(each: dict[str, Any], one: dict[str, str], what: list[str]) -> bool:
    ids = [value for name, value in zip(what[::2], what[1::2], strict=True) if name == "--event-id"]
    return (
        one.get("--since", "") <= each["timestamp"] < one.get("--until", "~")
        and each["host_id"] == one.get("--host", each["host_id"])
        and each["component_id"] == one.get("--component", each["component_id"])
        and each["outcome_type"] == one.get("--outcome", each["outcome_type"])
        and (not ids or each["event_id"] in ids)
    )


async def test_corrections_under_load_are_exact(stream: Stream) -> None:
    """Hosts that go on sending meanwhile: what came before counts no more, what came after does."""
    events = history(200)
    await stream.publish(*events)
    request = Request(CorrectionKind.RETRACT, "ada", "", {"host_id": BAD})
    later = history(400, seed=3, first=5_000)
    async with stream.working():
        publishing = asyncio.create_task(publish_slowly(stream, later))
        plan, _ = (await correct(stream.settings, request)) or pytest.fail("nothing was corrected")
        await publishing
        await wait_until_folded(stream.settings)
    assert plan.correction.before is not None
    before = plan.correction.before[partition_of(BAD.encode(), 4)]
    records = await stream.records(OUTCOME_EVENTS)
    void = {
        json.loads(each.value or b"")["event_id"]
        for each in records
        if each.key == BAD.encode() and not each.headers and each.offset < before
    }
    assert void >= {each["event_id"] for each in events if each["host_id"] == BAD}
    await check(stream, [each for each in events + later if each["event_id"] not in void])
    assert await stream.dead() == []


async def publish_slowly(stream: Stream, events: list[dict[str, Any]]) -> None:
    for first in range(0, len(events), 10):
        await stream.publish(*events[first : first + 10])


async def test_strays_are_waited_for(stream: Stream) -> None:
    """S12: an event that is not forwarded yet cannot be taken back yet, and that is said; then it can."""
    stray = event(host_id=BAD)
    home = partition_of(BAD.encode(), 4)
    await stream.publish(stray, event(host_id="h1", event_id=uuid_of(1)), partition=(home + 1) % 4)
    request = Request(CorrectionKind.RETRACT, "ada", "", {"host_id": BAD})
    with pytest.raises(CorrectionError, match="not forwarded yet"):
        await correct(stream.settings, request)
    await stream.fold()
    assert await correct(stream.settings, request) is not None
    await stream.fold()
    await check(stream, [event(host_id="h1", event_id=uuid_of(1))])


async def test_a_component_is_undeprecated(stream: Stream) -> None:
    """T15: what was deprecated up to now is not any more; a later event deprecates it again."""
    first = event(component_id="a", outcome_type="deprecated")
    await stream.publish(first, event(component_id="b", event_id=uuid_of(1)))
    await stream.fold()
    assert (await stream.stats())["a"]["deprecated_at"] == at(0)
    assert (await command(stream, "undeprecate", "b", "--yes")).exit_code == 1
    assert (await command(stream, "undeprecate", "never seen", "--yes")).exit_code == 1
    done = await command(stream, "undeprecate", "a", "--yes", "--reason", "a mistake", "--json")
    assert done.exit_code == 0
    await stream.publish(event(component_id="a", outcome_type="deprecated", event_id=uuid_of(2)))
    await stream.fold()
    row = (await stream.stats())["a"]
    assert (row["deprecated_at"], row["notes"]["deprecations"]) == (None, 2)
    assert row["notes"]["undeprecated_at"] == json.loads(done.stdout)["at"]
    assert (await command(stream, "undeprecate", "a", "--yes")).exit_code == 1
    later = (datetime.now(UTC) + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    await stream.publish(
        event(component_id="a", outcome_type="deprecated", event_id=uuid_of(3), timestamp=later)
    )
    await stream.fold()
    assert (await stream.stats())["a"]["deprecated_at"] == later
    await check_settled(stream.settings)


async def test_a_forged_correction_is_a_dead_letter(kafka: EmbeddedKafka, prefix: str) -> None:
    """With a correction key, what a publisher forges changes nothing; what is signed is applied."""
    stream = await Stream(kafka.bootstrap, prefix, correction_key="a key of the fleet").create_topics()
    events = history(100)
    await stream.publish(*events)
    await stream.fold()
    request = Request(CorrectionKind.RETRACT, "ada", "", {"host_id": BAD})
    forger = Stream(kafka.bootstrap, prefix)
    assert await correct(forger.settings, request) is not None
    await stream.fold()
    letters = await stream.dead()
    assert [(reason, field) for _, reason, field in letters] == [("correction_refused", "signature")]
    await check(stream, events)
    assert await correct(stream.settings, request) is not None
    await stream.fold()
    await check(stream, [each for each in events if each["host_id"] != BAD])


async def test_a_correction_at_the_same_time_shuts_the_first_out(stream: Stream) -> None:
    """Of several corrections at a time each is made whole or not at all, and none twice."""
    events = history()
    await stream.publish(*events)
    await stream.fold()
    request = Request(CorrectionKind.RETRACT, "ada", "", {"host_id": BAD})
    ends = await asyncio.gather(
        *(correct(stream.settings, request) for _ in range(3)), return_exceptions=True
    )
    assert all(not isinstance(end, BaseException) or isinstance(end, CorrectionError) for end in ends), ends
    await correct(stream.settings, request)
    await stream.fold()
    await check(stream, [each for each in events if each["host_id"] != BAD])
    assert len((await read_corrections(stream.settings)).all) == 1
