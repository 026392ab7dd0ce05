"""An operator's whole job, and a worker's in a rebuilt generation, on a Kafka that asks who one is.

What else they might try is refused: `test_least_rights.py`.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from processor.generations import of_generation, own_topics
from processor.rights import Role, rights
from processor.serve.alias import read_aliases
from processor.settings import Settings
from processor.standing import standing
from schemas.topics import CORRECTIONS, OUTCOME_EVENTS
from tests.commands import CommandLine
from tests.integration.test_dead_letters import bury
from tests.oracle import oracle
from tests.records import at, event, uuid_of
from tests.secured import Secured
from tests.stream import Stream
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

WAY, KEY = "SCRAM512", "a key of the fleet"
SECOND = {"FLEETFOLD_GENERATION": "2", "FLEETFOLD_PARTITIONS": "3"}
EVENTS = [
    event(
        component_id=f"c{number % 4}",
        host_id=f"h{number % 5}",
        timestamp=at(number),
        event_id=uuid_of(number),
    )
    for number in range(60)
]
DEPRECATED = event(component_id="old", outcome_type="deprecated", host_id="h1", event_id=uuid_of(900))
REPLAYED = event(component_id="replayed", host_id="host-1", event_id=uuid_of(901))


class Fleet:
    """One fleet on the secured broker, its operator and its worker, each with the rights of the table.

    Args:
        secured: the broker.
        prefix: of the fleet's topics.
    """

    def __init__(self, secured: Secured, prefix: str) -> None:
        self.harness = secured.harness(prefix)
        self.second = of_generation(self.harness, 2).model_copy(update={"partitions": 3})
        self._secured = secured
        self.stream = Stream(self.harness.bootstrap, prefix, partitions=self.harness.partitions)
        self.operator, self.worker = self._command("operator"), self._command("worker")

    def _command(self, role: Role, **environment: str) -> CommandLine:
        names = ("topic_prefix", "app_id", "partitions")
        quick = {"session_timeout_s": 6, "heartbeat_interval_s": 1, "fetch_max_wait_ms": 10}
        signed = {"correction_key": KEY}  # over anything but PLAINTEXT, only what is signed is taken
        own = {name: getattr(self.harness, name) for name in names}
        told = self._secured.told(WAY, role) | own | quick | signed
        return CommandLine(told, environment)

    def in_second(self, role: Role) -> CommandLine:
        """A user's commands on the second generation."""
        return self._command(role, **SECOND)

    async def give(self) -> None:
        """Give operator and worker their rights in both generations."""
        for role in ("operator", "worker"):
            for settings in (self.harness, self.second):
                await self._secured.give(role, rights(role, settings))

    @asynccontextmanager
    async def folding(self, *generations: Settings) -> AsyncIterator[None]:
        """Workers of generations, as the user `worker`; at the end all is folded."""
        if not generations:
            yield
            return
        command = self.worker if generations[0].generation <= 1 else self.in_second("worker")
        async with command.running("worker", ready="ready"), self.folding(*generations[1:]):
            yield
            async with standing(generations[0]) as look:
                assert await look.folded(60)

    async def rows(self, settings: Settings) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
        """Failures by component, and pairs."""
        stream = Stream(settings.bootstrap, settings.topic_prefix)
        stream.settings = settings
        rows = await stream.stats()
        return {name: row["install_failures"] for name, row in rows.items()}, await stream.pairs()


def expected(events: list[dict[str, Any]]) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    rows, pairs = oracle(events)
    return {name: row["install_failures"] for name, row in rows.items()}, pairs


async def test_operator_and_worker_do_their_whole_job(secured: Secured, prefix: str) -> None:
    """X10: correct, replay, rebuild with --diff, switch there and back, drop: the rights are enough."""
    fleet = Fleet(secured, prefix)
    operator = fleet.operator
    await fleet.give()
    await eventually(lambda: _succeeds(operator, "topics", "create"))  # rights take a moment to arrive
    await operator.works("topics", "verify")
    await fleet.stream.publish(*EVENTS, DEPRECATED)
    async with fleet.folding(fleet.harness):
        pass
    await bury(fleet.stream, json.dumps(REPLAYED).encode())
    said = json.loads(await operator.works("dead-letters", "replay", "--yes", "--json"))
    assert len(said["sent"]) == 1, said
    async with fleet.folding(fleet.harness):
        pass
    await operator.works("forget", "host", "h0", "--yes")
    await operator.works("forget", "component", "c3", "--yes")
    await operator.works("retract", "--event-id", uuid_of(1), "--yes")
    await operator.works("undeprecate", "old", "--yes")
    await operator.works("corrections", "--json")
    async with fleet.folding(fleet.harness):
        pass
    kept = [
        each
        for each in EVENTS
        if each["host_id"] != "h0" and each["component_id"] != "c3" and each["event_id"] != uuid_of(1)
    ]
    assert await fleet.rows(fleet.harness) == expected([*kept, DEPRECATED, REPLAYED])
    words = ("rebuild", "--partitions", "3", "--processes", "1", "--diff", "--json")
    told = json.loads(await operator.works(*words))
    assert {tuple(each["ids"]) for each in told} >= {("replayed",)}  # its original is not on the log
    assert await fleet.rows(fleet.second) == expected([*kept, DEPRECATED])
    await put_to_use_and_drop(fleet)


async def put_to_use_and_drop(fleet: Fleet) -> None:
    """Switch to the second generation and back, replay into it, and drop it."""
    operator, later = fleet.operator, event(component_id="later", host_id="h9", event_id=uuid_of(902))
    async with fleet.folding(fleet.harness, fleet.second):
        await operator.works("switch", "2")
        await fleet.stream.publish(later)
        await eventually(lambda: _knows(fleet, "later"))
        listed = json.loads(await operator.works("generations", "--json"))
        assert [row["live"] for row in listed] == [False, True]
        await operator.works("forget", "host", "h9", "--yes")
        await eventually(lambda: _knows(fleet, "later", not_any_more=True))
        await operator.works("switch", "1")
    second = fleet.in_second("operator")
    await bury(_stream_of(fleet.second), json.dumps(REPLAYED).encode())
    said = json.loads(await second.works("dead-letters", "replay", "--yes", "--json"))
    assert len(said["sent"]) == 1, said
    dropped = json.loads(await operator.works("drop-generation", "2", "--json"))
    assert sorted(dropped["deleted"]) == sorted(own_topics(fleet.second, 2))
    assert (await read_aliases(fleet.harness)).built[2].dropped is not None
    shared = {fleet.harness.topic(name) for name in (OUTCOME_EVENTS, CORRECTIONS)}
    assert not shared & set(dropped["deleted"])


async def _succeeds(command: CommandLine, *arguments: str) -> bool:
    return (await command.run(*arguments)).code == 0


async def _knows(fleet: Fleet, component: str, *, not_any_more: bool = False) -> bool:
    both = await asyncio.gather(fleet.rows(fleet.harness), fleet.rows(fleet.second))
    return all((component in rows) is not not_any_more for rows, _ in both)


def _stream_of(settings: Settings) -> Stream:
    stream = Stream(settings.bootstrap, settings.topic_prefix)
    stream.settings = settings
    return stream
