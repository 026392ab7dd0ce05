"""The whole chain: events, workers, the writer of verdicts, the service, and what an installer is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from processor.broker import EmbeddedKafka
from processor.settings import Settings
from processor.verdicts.service import Service as Writer
from tests.commands import CommandLine
from tests.serving import Service
from tests.stream import Stream
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

HOLD = 4
WITHIN_S = 90
HOSTS = [f"host-{number:02}" for number in range(24)]


def outcomes(component_id: str, outcome: str, hosts: list[str], at: datetime) -> list[dict[str, Any]]:
    """One outcome of a component on each host, all in this hour."""
    return [
        {"component_id": component_id, "outcome_type": outcome, "host_id": host, "timestamp": at.isoformat()}
        for host in hosts
    ]


@contextlib.asynccontextmanager
async def judging(settings: Settings) -> AsyncIterator[None]:
    """The writer of verdicts, step by step in this loop."""
    writer = Writer(settings)
    await writer.start()

    async def judge() -> None:
        while True:
            await writer.step()

    task = asyncio.create_task(judge())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await writer.stop()


async def test_a_breakage_is_held_and_its_mending_lets_go(
    kafka: EmbeddedKafka, prefix: str, tmp_path: Path
) -> None:
    """Events to exit codes: a component breaks, is held with its reason, is mended, and goes again."""
    stream = await Stream(kafka.bootstrap, prefix, partitions=2, verdicts_interval_s=0.2).create_topics()
    told = {"bootstrap": kafka.bootstrap, "topic_prefix": prefix}
    working = told | {"app_id": stream.settings.app_id, "partitions": stream.settings.partitions}
    # A breakage shows in the newest hours; one that has just begun takes the one before along.
    now = datetime.now(UTC) - timedelta(minutes=1)
    served = Service(stream.settings, tmp_path / "serve.log")

    async def gate(number: int) -> tuple[int, str]:
        # A state folder of its own each time: nothing that was seen before is used.
        line = CommandLine(told | {"state_dir": tmp_path / f"state-{number}"})
        ended = await line.run("gate", "broken", "--within-s", "30")
        return ended.code, ended.out

    async def held() -> list[Any]:
        found: list[Any] = (await served.json("/v1/verdicts"))["components"]
        return found

    async def is_held() -> bool:
        return bool(await held())

    async def is_let_go() -> bool:
        return not await held()

    with served.gone_at_the_end():
        async with CommandLine(working).running("worker", ready="ready"), judging(stream.settings):
            await served.ready()
            assert await gate(0) == (0, "go: Nothing is held against it.\n")
            for number in range(10):
                await stream.publish(*outcomes(f"fine-{number}", "install_success", HOSTS, now))
            await stream.publish(*outcomes("broken", "install_failure", HOSTS[:20], now))
            await eventually(is_held, WITHIN_S)
            (row,) = await held()
            assert row["component_id"] == "broken"
            (verdict,) = row["verdicts"]
            assert (verdict["kind"], verdict["evidence"]["bad"]) == ("problematic", 20)
            code, said = await gate(1)
            assert (code, said) == (HOLD, f"hold: {verdict['reason']}\n")
            assert said.startswith("hold: 20 of 20 installs failed in the last hour")
            told_why = await CommandLine(told).works("explain", "broken")
            assert f"problematic: {verdict['reason']}" in told_why
            for _ in range(5):
                await stream.publish(*outcomes("broken", "install_success", HOSTS, now))
            await eventually(is_let_go, WITHIN_S)
            assert await gate(2) == (0, "go: Nothing is held against it.\n")
            assert (await served.json("/v1/components/broken"))["install_failures"] == 20
        await served.stop()
