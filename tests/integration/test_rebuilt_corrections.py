"""Corrections and rebuilt generations on a real broker: what is obeyed, and what is refused."""

import json
from typing import Any

import pytest

from processor.broker import EmbeddedKafka
from processor.correct.audit import read_corrections
from processor.generations import begin, of_generation, switch
from processor.standing import standing
from schemas.topics import HOST_LEDGER
from tests.integration.test_corrections import BAD, check, command, exact, history
from tests.integration.test_generations import ran
from tests.integration.test_rebuild import rebuilt
from tests.oracle import oracle
from tests.records import at, event, uuid_of
from tests.settled import read_rows
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


async def test_what_would_not_reach_a_generation_is_refused(stream: Stream) -> None:
    """While a rebuilt generation is in use a correction is refused with exit code 2, and nothing is written.

    Written down with --for-rebuild, the next rebuild obeys it.
    """
    events = history(100)
    await stream.publish(*events, *DEPRECATED)
    await stream.fold()
    second, _ = await rebuilt(stream, 3)
    wanted = (["retract", "--host", BAD], ["forget", "host", BAD], ["undeprecate", "wrongly"])
    async with second.working(), standing(second.settings) as look:
        assert await look.folded(60)
        await refuses(stream, *wanted, why="workers fold generation 2")
    assert (await command(stream, "retract", "--host", BAD, "--dry-run")).exit_code == 0
    await switch(stream.settings, 2)
    await refuses(stream, *wanted, why="generation 2 is live")
    assert (await read_corrections(stream.settings)).all == []
    for words in (wanted[0], wanted[2]):
        done = await command(stream, *words, "--for-rebuild", "--dry-run", "--json")
        assert (done.exit_code, json.loads(done.stdout)["written"]) == (0, False)
        assert (await command(stream, *words, "--for-rebuild", "--yes")).exit_code == 0
    assert [each.kind for each in (await read_corrections(stream.settings)).all] == ["retract", "undeprecate"]
    anew = await ran(stream.settings, "rebuild", "--processes", "1", FLEETFOLD_SESSION_TIMEOUT_S="6")
    assert anew.returncode == 0, anew.stderr
    third = Stream(stream.settings.bootstrap, stream.settings.topic_prefix)
    third.settings = of_generation(stream.settings, 3)
    await check_rebuilt(third, [each for each in events if each["host_id"] != BAD])
    await check(stream, [*events, *DEPRECATED])
    await switch(stream.settings, 1)
    await begin(of_generation(stream.settings, 4), 0)
    await refuses(stream, *wanted, why="drop-generation 4")


async def refuses(stream: Stream, *wanted: list[str], why: str) -> None:
    for words in wanted:
        done = await ran(stream.settings, *words, "--yes")
        assert done.returncode == 2, done.stderr
        assert why in done.stderr
        assert "--for-rebuild" in done.stderr
        assert len(done.stderr.splitlines()) == 1
