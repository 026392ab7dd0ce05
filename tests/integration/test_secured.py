"""Every part over TLS: alone, with certificates on both sides, and with a password inside."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession

from processor.broker.ports import LOOPBACK, free_port
from processor.publish import Publisher
from processor.publish.receipt import Status
from processor.serve import OutcomeView
from processor.settings import Settings, load_settings
from tests.commands import CommandLine, Ended
from tests.records import event, uuid_of
from tests.secured import WAYS, Secured
from tests.stream import Stream
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

QUERIES = (
    ("stats", "one"),
    ("history", "one"),
    ("problematic",),
    ("removed",),
    ("pairs",),
    ("deprecated",),
    ("failures",),
)


def names(settings: Settings) -> dict[str, object]:
    """What every part is told beside how to prove itself."""
    quick = {"session_timeout_s": 6, "heartbeat_interval_s": 1, "fetch_max_wait_ms": 10, "gather_ms": 10}
    return {name: getattr(settings, name) for name in ("topic_prefix", "app_id", "partitions")} | quick


@pytest.mark.parametrize("way", WAYS)
async def test_every_part_does_its_whole_job(secured: Secured, way: str, prefix: str, tmp_path: Path) -> None:
    """X10: operator, publisher, gateway, worker, queries, service and view work, each with its own rights."""
    harness = secured.harness(prefix)
    await secured.give_roles(harness)
    told = {
        user: secured.told(way, user) | names(harness)
        for user in ("operator", "publisher", "worker", "reader")
    }
    operator, reader = CommandLine(told["operator"]), CommandLine(told["reader"])
    worker = CommandLine(told["worker"])
    publisher = CommandLine(told["publisher"], {"FLEETFOLD_STATE_DIR": str(tmp_path)})
    await eventually(lambda: succeeds(operator, "topics", "create"))  # rights take a moment to arrive
    await operator.works("topics", "verify")
    sent = await publish_in_every_way(publisher, told["publisher"], tmp_path)
    stream = Stream(harness.bootstrap, prefix, partitions=harness.partitions)
    await stream.publish(b"no event")
    async with worker.running("worker", ready="ready"):
        await eventually(lambda: folded(stream, sent))
    await read_in_every_way(reader, told["reader"], tmp_path)
    replay = await operator.run("dead-letters", "replay", "--yes", "--json")
    assert (replay.code, len(orjson.loads(replay.out)["refused"])) == (1, 1), replay


async def succeeds(command: CommandLine, *arguments: str) -> bool:
    return (await command.run(*arguments)).code == 0


async def folded(stream: Stream, sent: int) -> bool:
    rows = (await stream.stats()).values()
    return sum(row["install_successes"] + row["install_failures"] for row in rows) == sent and bool(
        await stream.dead()
    )


async def publish_in_every_way(publisher: CommandLine, told: dict[str, Any], folder: Path) -> int:
    """Publish with the command, from standard input, an importer, the gateway and the library; how many."""
    one = orjson.loads(await publisher.works("publish", "one", "install_failure", "--host", "h", "--json"))
    assert one["status"] == "kafka"
    lines = [event(component_id=f"c{n}", event_id=uuid_of(n), host_id="lines") for n in range(3)]
    await publisher.works("publish", "--json", lines="\n".join(orjson.dumps(line).decode() for line in lines))
    file = folder / "events.ndjson"
    file.write_bytes(orjson.dumps(event(component_id="imported", event_id=uuid_of(9))) + b"\n")
    await publisher.works("import", "ndjson", str(file), "--host", "h")
    port = free_port()
    async with publisher.running("gateway", "--port", str(port), ready="listens"):
        await eventually(lambda: posted(port))
    async with Publisher(load_settings(**told), state_dir=folder, host="library") as library:
        receipt = await library.record("library", "install_failure", wait=True)
    assert receipt.status is Status.KAFKA
    return 7


async def posted(port: int) -> bool:
    """Post an event to the gateway; the same one again does not count twice."""
    body = orjson.dumps(event(component_id="posted", event_id=uuid_of(10), host_id="gateway"))
    headers = {"Content-Type": "application/json"}
    address = f"http://{LOOPBACK}:{port}/v1/outcomes"
    async with ClientSession() as session, session.post(address, data=body, headers=headers) as answer:
        return answer.status < 300


async def read_in_every_way(reader: CommandLine, told: dict[str, Any], folder: Path) -> None:
    """Ask with each query, export, `top`, the list of dead letters, the service and the library."""
    two_at_once = asyncio.Semaphore(2)

    async def ask(query: tuple[str, ...]) -> Ended:
        async with two_at_once:
            return await reader.run(*query, "--json")

    for ended in await asyncio.gather(*map(ask, QUERIES)):
        assert ended.code in {0, 1}, ended
        assert "Kafka" not in ended.err, ended
    rows = orjson.loads(await reader.works("stats", "one", "imported", "posted", "library", "--json"))
    assert {row["component_id"] for row in rows} >= {"one", "imported", "posted", "library"}
    await reader.works("export", str(folder / "rows.csv"))
    assert "one" in await reader.works("top", "--once", "--json")
    (letter,) = orjson.loads(await reader.works("dead-letters", "list", "--json"))
    await reader.works("dead-letters", "show", letter["letter"], "--json")
    async with (
        reader.running("serve", "--port", "0", ready=r"serving on (http://[^\s\x1b]+)") as found,
        ClientSession() as session,
    ):
        await eventually(lambda: answers(session, f"{found[1]}/v1/components/one"))
    async with await OutcomeView.open(settings=load_settings(**told)) as view:
        assert view.success_rate("one") == 0.0


async def answers(session: ClientSession, url: str) -> bool:
    async with session.get(url) as answer:
        return answer.status == 200
