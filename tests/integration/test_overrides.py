"""Overrides on a real broker: from the command to the gate's answer, and back when they end."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from processor.broker import EmbeddedKafka
from processor.settings import Settings, load_settings
from processor.topics import create
from schemas.topics import VERDICTS
from tests.commands import CommandLine
from tests.served import verdicts
from tests.serving import Service
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

HOLD = 4


@pytest.fixture
async def settings(kafka: EmbeddedKafka, prefix: str) -> Settings:
    """A fleet in which something is held against `bad`, and `a` and `b` are in conflict."""
    found = load_settings(bootstrap=kafka.bootstrap, topic_prefix=prefix, partitions=1)
    await create(found)
    rows = (
        verdicts("bad", ("problematic", None)),
        verdicts("a", ("conflicts_with", "b")),
        verdicts("b", ("conflicts_with", "a")),
    )
    async with AIOKafkaProducer(**found.kafka_options()) as producer:
        for key, value in rows:
            await producer.send_and_wait(found.topic(VERDICTS), value, key=key, partition=0)
    return found


@pytest.fixture
def operator(settings: Settings, tmp_path: Path) -> CommandLine:
    told = {"bootstrap": settings.bootstrap, "topic_prefix": settings.topic_prefix}
    return CommandLine(told | {"state_dir": tmp_path / "state"})


def forget_what_was_seen(operator: CommandLine) -> None:
    """Let the gate's copy be a minute old, so that it asks again."""
    for path in Path(str(operator.settings["state_dir"])).glob("verdicts-*.json"):
        told = json.loads(path.read_bytes())
        path.write_text(json.dumps(told | {"at_s": told["at_s"] - 61}))


async def gate(operator: CommandLine, *arguments: str) -> tuple[int, str]:
    forget_what_was_seen(operator)
    ended = await operator.run("gate", *arguments, "--within-s", "30")
    return ended.code, ended.out


async def test_a_hold_is_let_pass_until_the_override_is_ended(operator: CommandLine) -> None:
    """Command, gate, explain, list and audit; then the end, and the hold is back."""
    assert (await gate(operator, "bad"))[0] == HOLD
    said = await operator.works("override", "bad", "--reason", "the mirror was down", "--actor", "ada")
    assert "bad: overridden by ada until " in said
    code, told = await gate(operator, "bad")
    assert code == 0
    assert "go: Overridden by ada until " in told
    assert "(the mirror was down): Because of problematic." in told
    assert "overridden by ada" in await operator.works("explain", "bad")
    (in_force,) = json.loads(await operator.works("overrides", "--json"))
    assert (in_force["component_id"], in_force["by"]) == ("bad", "ada")
    assert "not overridden any more" in await operator.works("override", "bad", "--end", "--actor", "bob")
    code, told = await gate(operator, "bad")
    assert (code, told) == (HOLD, "hold: Because of problematic.\n")
    again = await operator.run("override", "bad", "--end")
    assert again.code == 1
    assert "nothing overrides" in again.err
    audit = json.loads(await operator.works("overrides", "--audit", "--json"))
    assert [(each["action"], each["by"]) for each in audit] == [("begin", "ada"), ("end", "bob")]


async def test_a_conflict_is_overridden_from_both_sides(operator: CommandLine) -> None:
    """--with names the pair in any order; what is not held against anybody is noted."""
    await operator.works("override", "b", "--with", "a", "--reason", "tested together")
    assert (await gate(operator, "a", "--with", "b"))[0] == 0
    assert (await gate(operator, "b", "--with", "a"))[0] == 0
    ended = await operator.run("override", "a", "--reason", "just in case")
    assert ended.code == 0
    assert "nothing is held against it by itself now" in ended.err


async def test_it_ends_by_time_in_the_service_and_in_a_snapshot(
    operator: CommandLine, settings: Settings, tmp_path: Path
) -> None:
    """The service shows it, lets it pass and stops by itself; a gate cut off from all holds again, too."""
    log = tmp_path / "serve.log"
    with Service(settings, log).gone_at_the_end() as service:
        await service.ready()
        days = 20 / 86_400
        await operator.works("override", "bad", "--reason", "for a moment", "--for-days", f"{days:.8f}")

        async def shown() -> str | None:
            (held,) = (await service.json("/v1/verdicts?kind=problematic"))["components"]
            override = held["verdicts"][0]["override"]
            return override and str(override["until"])

        async def is_shown() -> bool:
            return await shown() is not None

        await eventually(is_shown)
        until = datetime.fromisoformat(await shown() or "")
        url = ("--url", service.url)
        assert (await gate(operator, "bad", *url))[0] == 0
        assert datetime.now(UTC) < until, "this machine is too slow for the test to say anything"

        async def is_over() -> bool:
            return not await is_shown()

        await eventually(is_over)
        assert (await service.json("/v1/verdicts?kind=problematic"))["components"]
        await service.stop()
    # The copy still holds the override as it was seen; its time is over.
    ended = await operator.run("gate", "bad", *url)
    assert ended.code == HOLD, ended
