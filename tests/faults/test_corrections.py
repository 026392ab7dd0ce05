"""Corrections while workers, and the command itself, are killed: each is whole or not at all, and once."""

import asyncio
import os
import subprocess
import sys
from typing import Any

import orjson
import pytest

from processor.correct.audit import read_corrections
from processor.correct.request import Request
from processor.correct.writing import correct
from processor.settings import Settings
from schemas.cofailure import parse_pair_key
from schemas.corrections import CorrectionKind
from schemas.topics import CO_FAILURES, COMPONENT_STATS, OUTCOME_EVENTS
from tests.faults.conftest import MakeScene
from tests.faults.scene import FOLD_LIMIT_S, Scene
from tests.oracle import oracle
from tests.settled import check_settled, read_rows, wait_until_folded
from tests.stream import Stream

pytestmark = pytest.mark.kafka

HOSTS = 6


async def test_workers_are_killed_while_they_take_back(kafka: Any, make_scene: MakeScene) -> None:
    """S8: kills amid corrections and load; counts and pairs are those of the events that are not void."""
    scene = await make_scene(kafka.bootstrap, seed=82)
    async with scene.open(workers=2):
        await scene.publish(4_000)
        hosts = sorted({one.key for one in scene.published})[:HOSTS]
        async with scene.load(rate=300):
            await scene.ready(0)
            for host in hosts:
                made = asyncio.create_task(
                    correct(
                        scene.settings,
                        Request(CorrectionKind.RETRACT, "ada", "", {"host_id": host.decode()}),
                    )
                )
                await asyncio.sleep(scene.rng.uniform(0.0, 1.0))
                scene.workers.kill(scene.rng.choice(scene.workers.running))
                scene.workers.start()
                await made
        await check_corrected(scene)


async def test_the_command_is_killed(kafka: Any, make_scene: MakeScene) -> None:
    """The command killed at any moment leaves a whole correction or none; run again, it makes it."""
    scene = await make_scene(kafka.bootstrap, seed=83)
    async with scene.open(workers=1):
        await scene.publish(3_000)
        hosts = sorted({one.key for one in scene.published})[:HOSTS]
        await scene.ready(0)
        for number, host in enumerate(hosts):
            process = start_command(scene.settings, host)
            await asyncio.sleep(1.0 + 0.4 * number)
            process.kill()
            process.wait()
            code = await asyncio.to_thread(start_command(scene.settings, host).wait)
            assert code in {0, 1}  # 1: it was made before the kill
        await check_corrected(scene)
    made = (await read_corrections(scene.settings)).all
    assert sorted(each.host_id or "" for each in made) == [host.decode() for host in hosts]


def start_command(settings: Settings, host: bytes) -> "subprocess.Popen[bytes]":
    named = {
        "BOOTSTRAP": settings.bootstrap,
        "TOPIC_PREFIX": settings.topic_prefix,
        "APP_ID": settings.app_id,
    }
    environment = os.environ | {f"FLEETFOLD_{name}": value for name, value in named.items()}
    command = [sys.executable, "-m", "processor.cli.main", "retract", "--host", host.decode(), "--yes"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def check_corrected(scene: Scene) -> None:
    """Compare counts and pairs with the oracle's over what is not void."""
    settings = scene.settings
    await wait_until_folded(settings, FOLD_LIMIT_S)
    for worker in list(scene.workers.running):
        assert await scene.stop(worker) == 0, scene.workers.logs()
    await wait_until_folded(settings, FOLD_LIMIT_S)
    await check_settled(settings)
    kept = await not_void(settings)
    expected_rows, expected_pairs = oracle(kept)
    rows = {
        key.decode(): orjson.loads(value)
        for key, value in (await read_rows(settings, COMPONENT_STATS)).items()
    }
    pairs = {
        parse_pair_key(key): orjson.loads(value)["count"]
        for key, value in (await read_rows(settings, CO_FAILURES)).items()
    }
    assert pairs == expected_pairs
    assert {name: counts(row) for name, row in rows.items()} == {
        name: counts(row) for name, row in expected_rows.items()
    }


def counts(row: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: value for name, value in row.items() if isinstance(value, int)}
    return numbers | {"deprecations": (row["notes"] or {"deprecations": 0})["deprecations"]}


async def not_void(settings: Settings) -> list[dict[str, Any]]:
    """The good events on the log, in each host's order of arrival, but for those that a correction names."""
    made = (await read_corrections(settings)).all
    ends = {each.host_id: each.before or [] for each in made}
    kept: list[dict[str, Any]] = []
    records: list[Any] = await Stream(settings.bootstrap, settings.topic_prefix).records(OUTCOME_EVENTS)
    copied = {
        dict(each.headers)["fleetfold-from"] for each in records if "fleetfold-from" in dict(each.headers)
    }
    topic = settings.topic(OUTCOME_EVENTS)
    for each in records:
        headers = dict(each.headers)
        place = f"{topic}/{each.partition}/{each.offset}".encode()
        if "fleetfold-correction" in headers or place in copied:
            continue
        original = (headers.get("fleetfold-from") or place).rsplit(b"/", 2)
        try:
            fields = orjson.loads(each.value or b"")
            before = ends.get(fields["host_id"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue
        if fields.get("outcome_type") == "exploded" or not isinstance(fields["component_id"], str):
            continue
        if before is None or int(original[2]) >= before[int(original[1])]:
            kept.append(fields)
    return kept
