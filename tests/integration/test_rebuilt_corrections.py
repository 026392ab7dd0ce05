"""Corrections and rebuilt generations on a real broker: what is obeyed, and what is refused."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from processor.broker import EmbeddedKafka
from processor.correct.audit import read_corrections
from processor.generations import begin, of_generation
from processor.standing import standing
from schemas.topics import HOST_LEDGER, OUTCOME_EVENTS
from tests.integration.test_corrections import BAD, check, command, exact, history, publish_slowly
from tests.integration.test_generations import ran
from tests.integration.test_rebuild import rebuilt
from tests.oracle import oracle
from tests.records import at, event, uuid_of
from tests.settled import read_rows, wait_until_folded
from tests.stream import Stream

pytestmark = pytest.mark.kafka

DEPRECATED = [
    event(component_id=name, outcome_type="deprecated", host_id="h1", event_id=uuid_of(9_000 + number))
    for number, name in enumerate(("wrongly", "rightly"))
]


@pytest.fixture
async def stream(kafka: EmbeddedKafka, prefix: str) -> Stream:
    return await Stream(kafka.bootstrap, prefix).create_topics()


async def check_rebuilt(stream: Stream, events: list[dict[str, Any]]) -> None:
    """Rows and pairs are those of these events, times too, and of what was deprecated."""
    rows, pairs = await stream.stats(), await stream.pairs()
    expected_rows, expected_pairs = oracle([*events, *DEPRECATED])
    assert pairs == expected_pairs
    wrongly = rows.pop("wrongly")
    assert (wrongly["deprecated_at"], wrongly["notes"]["deprecations"]) == (None, 1)
    assert expected_rows.pop("wrongly")["deprecated_at"] == at(0)
    assert rows == expected_rows


async def test_a_rebuild_obeys_the_corrections(stream: Stream) -> None:
    """What is void never counts, its ids stay known, and what was undeprecated stays so; as in generation 1.

    But of a forgotten host nothing is known: what it sends again counts, in both.

    The times that a live correction must leave stale are exact in the rebuilt rows.
    """
    events = history()
    await stream.publish(*events, *DEPRECATED)
    await stream.fold()
    assert (await command(stream, "retract", "--host", BAD, "--yes")).exit_code == 0
    assert (await command(stream, "forget", "component", "c3", "--yes")).exit_code == 0
    assert (await command(stream, "forget", "host", "h4", "--yes")).exit_code == 0
    assert (await command(stream, "undeprecate", "wrongly", "--yes")).exit_code == 0
    await stream.fold()
    kept = [each for each in events if each["host_id"] not in {BAD, "h4"} and each["component_id"] != "c3"]
    second, _ = await rebuilt(stream, 3)
    await check_rebuilt(second, kept)
    rows, again = await stream.stats(), await second.stats()
    stale = {name for name, row in rows.items() if row["notes"] and row["notes"]["has_stale_times"]}
    assert stale
    assert rows.keys() == again.keys()
    for name, row in rows.items():
        assert exact(row, stale=name in stale) == exact(again[name], stale=name in stale)
    assert await stream.pairs() == await second.pairs()
    assert b"h4" not in await read_rows(second.settings, HOST_LEDGER)
    known = [each for each in events if each["host_id"] == BAD][-20:]  # in its ring
    new = [each for each in events if each["host_id"] == "h4"][:5] + history(50, seed=2, first=1_000)
    await stream.publish(*known, *new)
    await stream.fold()
    async with second.working(), standing(second.settings) as look:
        assert await look.folded(60)
    await check_rebuilt(second, kept + new)
    assert await stream.pairs() == await second.pairs()
    assert await second.dead() == []


OTHER_GAP = {"FLEETFOLD_SESSION_GAP_S": "20"}


async def both(stream: Stream, second: Stream, events: list[dict[str, Any]]) -> None:
    """Wait until both generations have folded all, and compare each with the oracle by its own rules."""
    sides: list[tuple[Stream, dict[str, Any]]] = [(stream, {}), (second, {"gap": timedelta(seconds=20)})]
    for each, rules in sides:
        async with standing(each.settings) as look:
            assert await look.folded(60)
        rows, pairs = await each.stats(), await each.pairs()
        expected_rows, expected_pairs = oracle(events, **rules)
        assert pairs == expected_pairs
        assert rows.keys() == expected_rows.keys()
        for name, row in rows.items():
            stale = row["notes"] is not None and (row["notes"]["has_stale_times"] or name == "wrongly")
            assert exact(row, stale=stale) == exact(expected_rows[name], stale=stale)
        assert await each.dead() == []


async def of_host_before(stream: Stream, host: str, before: list[int]) -> set[str]:
    """The ids of a host's events that stood on the log when a correction was made."""
    records: list[Any] = await stream.records(OUTCOME_EVENTS)
    return {
        json.loads(each.value or b"")["event_id"]
        for each in records
        if each.key == host.encode() and not each.headers and each.offset < before[each.partition]
    }


async def test_corrections_reach_all_generations_under_load(stream: Stream) -> None:
    """Rebuilt with another gap and switched to: forget, retract and undeprecate take effect there, and here.

    Hosts go on sending meanwhile. Then readers go back to the first generation, and corrections reach both
    as before; and a generation whose workers rest takes them in when they are back.
    """
    events = history()
    await stream.publish(*events, *DEPRECATED)
    async with stream.working():
        await wait_until_folded(stream.settings)
        assert (await command(stream, "forget", "host", "h4", "--yes")).exit_code == 0
        second, _ = await rebuilt(stream, 3, **OTHER_GAP)
        second.settings = second.settings.model_copy(update={"session_gap_s": 20})
        kept = [each for each in events if each["host_id"] != "h4"]
        async with second.working():
            assert (await ran(stream.settings, "switch", "2")).returncode == 0
            later = [each for each in history(300, seed=3, first=5_000) if each["host_id"] != "h4"]
            publishing = asyncio.create_task(publish_slowly(stream, later))
            done = await command(stream, "retract", "--host", BAD, "--yes", "--json")
            assert done.exit_code == 0, done.output
            await publishing
            told = json.loads(done.stdout)
            assert told["generations"] == [1, 2]
            void = await of_host_before(stream, BAD, told["before"])
            assert len(void) >= told["events"] > 0
            kept = [each for each in kept + later if each["event_id"] not in void]
            await both(stream, second, [*kept, *DEPRECATED])
            assert (await command(stream, "undeprecate", "wrongly", "--yes")).exit_code == 0
            assert (await command(stream, "forget", "component", "c3", "--yes")).exit_code == 0
            kept = [each for each in kept if each["component_id"] != "c3"]
            await both(stream, second, [*kept, *DEPRECATED])
            for each in (stream, second):
                assert (await each.stats())["wrongly"]["deprecated_at"] is None
            assert (await ran(stream.settings, "switch", "1")).returncode == 0
            assert (await command(stream, "forget", "host", "h1", "--yes")).exit_code == 0
            kept = [each for each in kept if each["host_id"] != "h1"]
            await both(stream, second, kept)
        ids = [word for each in kept[:3] for word in ("--event-id", each["event_id"])]
        assert (await command(stream, "retract", *ids, "--yes")).exit_code == 0
        kept = kept[3:]
        assert (await command(stream, "retract", *ids, "--yes")).exit_code == 1
        async with second.working():
            await both(stream, second, kept)
        assert (await ran(stream.settings, "switch", "2")).returncode == 0
    third = await ran(stream.settings, "rebuild", "--processes", "1", FLEETFOLD_SESSION_TIMEOUT_S="6")
    assert third.returncode == 0, third.stderr
    anew = Stream(stream.settings.bootstrap, stream.settings.topic_prefix)
    anew.settings = of_generation(stream.settings, 3)
    assert await anew.pairs() == await stream.pairs()


async def test_a_host_of_several_partitions(stream: Stream) -> None:
    """S12: its originals lie apart, which the second generation alone reads: taken back exactly, or told."""
    events = history(120)
    for number, each in enumerate(events):
        await stream.publish(each, partition=number % 4)
    await stream.fold()
    second, _ = await rebuilt(stream, 3)
    unfolded = event(host_id="h2", component_id="new", event_id=uuid_of(7_000))
    async with stream.working(), second.working():
        assert (await command(stream, "retract", "--host", BAD, "--yes")).exit_code == 0
        kept = [each for each in events if each["host_id"] != BAD]
        for one in (stream, second):
            async with standing(one.settings) as look:
                assert await look.folded(60)
            assert await one.pairs() == oracle(kept)[1]
    await stream.publish(unfolded)
    await stream.fold()
    done = await command(stream, "retract", "--host", "h2", "--yes", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert "generation 2" in told["left_to_a_rebuild"][0]["why"]
    assert told["generations"] == [1]


async def test_what_would_not_reach_a_generation_is_refused(stream: Stream) -> None:
    """While a generation is being built a correction is refused with exit code 2, and nothing is written.

    Written down with --for-rebuild, the next rebuild obeys it, and readers are not switched to one before.
    """
    events = history(100)
    await stream.publish(*events, *DEPRECATED)
    await stream.fold()
    await rebuilt(stream, 3)
    wanted = (["retract", "--host", BAD], ["forget", "host", BAD], ["undeprecate", "wrongly"])
    await begin(of_generation(stream.settings, 3), 0)
    await refuses(stream, *wanted, why="drop-generation 3")
    assert (await read_corrections(stream.settings)).all == []
    for words in (wanted[0], wanted[2]):
        done = await command(stream, *words, "--for-rebuild", "--dry-run", "--json")
        assert (done.exit_code, json.loads(done.stdout)["written"]) == (0, False)
        assert (await command(stream, *words, "--for-rebuild", "--yes")).exit_code == 0
    assert [each.kind for each in (await read_corrections(stream.settings)).all] == ["retract", "undeprecate"]
    assert (await ran(stream.settings, "drop-generation", "3")).returncode == 0
    refused = await ran(stream.settings, "switch", "2")
    assert (refused.returncode, "2 later correction(s)" in refused.stderr) == (1, True)
    anew = await ran(stream.settings, "rebuild", "--processes", "1", FLEETFOLD_SESSION_TIMEOUT_S="6")
    assert anew.returncode == 0, anew.stderr
    fourth = Stream(stream.settings.bootstrap, stream.settings.topic_prefix)
    fourth.settings = of_generation(stream.settings, 4)
    await check_rebuilt(fourth, [each for each in events if each["host_id"] != BAD])
    await check(stream, [*events, *DEPRECATED])


async def refuses(stream: Stream, *wanted: list[str], why: str) -> None:
    for words in wanted:
        done = await ran(stream.settings, *words, "--yes")
        assert done.returncode == 2, done.stderr
        assert why in done.stderr
        assert "--for-rebuild" in done.stderr
        assert len(done.stderr.splitlines()) == 1
