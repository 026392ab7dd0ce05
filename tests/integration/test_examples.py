"""The examples for other languages do what they say, on a real Kafka."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest

from processor.broker import EmbeddedKafka
from processor.broker.jars import default_cache_dir, ensure_jars
from processor.broker.jvm import java_path
from processor.broker.lockfile import Jar, read_lock
from processor.domain.partition import partition_of
from processor.publish.host import hash_host
from schemas.topics import OUTCOME_EVENTS
from schemas.wire import validate_event
from tests.faults.accepted import check_accepted
from tests.integration.test_gateway import gateway
from tests.integration.test_publish import made, records_of

pytestmark = pytest.mark.kafka

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
ODD = 'pkg:generic/"odd"\\name?é=\u202e'
# A Java compiler that runs on the embedded Java, which has none: so this test needs nothing of the machine.
COMPILER = Jar(
    "org.eclipse.jdt",
    "ecj",
    "3.43.0",
    "c786468c65e906498e7e36ece4e0d04c6d3dd34c9a61b34a3a5b512801911a82",
    3_329_190,
)


def run(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def compiled(folder: Path) -> list[str]:
    """Compile the Java example, and return the command that runs it."""
    (compiler,) = ensure_jars([COMPILER], default_cache_dir())
    jars = ensure_jars(read_lock(), default_cache_dir())
    needed = [str(jar) for jar in jars if jar.name.startswith(("kafka-clients-", "slf4j-api-"))]
    path, java = os.pathsep.join(needed), str(java_path())
    source = str(EXAMPLES / "PublishOutcome.java")
    options = ["-source", "17", "-target", "17", "-encoding", "UTF-8", "-cp", path, "-d", str(folder)]
    done = run(java, "-jar", str(compiler), *options, source)
    assert done.returncode == 0, done.stderr
    return [java, "-cp", os.pathsep.join([*needed, str(folder)]), "PublishOutcome"]


async def test_java(kafka: EmbeddedKafka, prefix: str, tmp_path: Path) -> None:
    """S12: Java puts a host where we do; its event is valid, and sent twice it counts once."""
    settings = await made(kafka, prefix)
    command = await asyncio.to_thread(compiled, tmp_path)
    hosts = ["web-17", "hôte-é", hash_host("a")]
    ids = [f"01900000-0000-7000-8000-{number:012x}" for number in range(len(hosts))]
    for host, event_id in [*zip(hosts, ids, strict=True), (hosts[0], ids[0])]:
        topic = settings.topic(OUTCOME_EVENTS)
        where = [settings.bootstrap, topic, host, ODD, "install_failure", event_id]
        done = await asyncio.to_thread(run, *command, *where, LC_ALL="C.UTF-8")
        assert done.returncode == 0, done.stderr
    done = await asyncio.to_thread(run, *command, settings.bootstrap, topic, "h", "c", "deprecated")
    made_id = done.stdout.split()[0]
    assert made_id[14] == "7", "the id that the example makes is no UUIDv7"
    records = await records_of(settings)
    for host in hosts:
        own: list[Any] = [record for record in records if record.key == host.encode()]
        assert {record.partition for record in own} == {partition_of(host.encode(), settings.partitions)}
        events = [validate_event(orjson.loads(record.value)) for record in own]
        assert {(event.host_id, event.component_id) for event in events} == {(host, ODD)}
    assert await check_accepted(settings, [*ids, made_id]) == 1


async def test_curl(kafka: EmbeddedKafka, prefix: str) -> None:
    """S1: the shell example publishes through the gateway, quotes what it gets, fails where it must."""
    if shutil.which("curl") is None:
        pytest.skip("this machine has no curl: the shell example was not run")
    settings = await made(kafka, prefix)
    script = str(EXAMPLES / "publish.sh")
    async with gateway(settings) as served:
        address = {"GATEWAY": served.address}
        done = await asyncio.to_thread(run, script, "h", ODD, "install_success", **address)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["accepted"] == 1
        done = await asyncio.to_thread(run, script, "h", "c", "exploded", **address)
        assert done.returncode != 0
        assert json.loads(done.stdout)["results"][0]["field"] == "outcome_type"
    assert (await asyncio.to_thread(run, script, "h")).returncode == 2
    (record,) = await records_of(settings)
    assert validate_event(orjson.loads(record.value)).component_id == ODD
