"""`fleetfold publish` and the publishers on a real Kafka."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from processor.broker import EmbeddedKafka
from processor.broker.ports import LOOPBACK, free_port
from processor.publish import BlockingPublisher, Publisher
from processor.publish.core import spool_for
from processor.publish.host import hash_host
from processor.publish.receipt import Status
from processor.settings import Settings
from schemas.topics import OUTCOME_EVENTS
from tests.integration.test_publish import default_partitions, made, records_of
from tests.records import event
from tests.stream import Stream

pytestmark = pytest.mark.kafka


def publish(settings: Settings, state: Path, *arguments: str, lines: str = "") -> Any:
    """Run the command; returns its exit code, standard output and standard error."""
    command = [sys.executable, "-m", "processor.cli.main", "publish", *arguments]
    where = ["--bootstrap", settings.bootstrap, "--topic-prefix", settings.topic_prefix]
    return subprocess.run(
        [*command, *where],
        input=lines,
        env=os.environ | {"FLEETFOLD_STATE_DIR": str(state)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_command(kafka: EmbeddedKafka, prefix: str, tmp_path: Path) -> None:
    """S1: one event, then lines of which one is bad: all good ones are folded, and exit codes say so."""
    settings = await made(kafka, prefix)
    one = publish(settings, tmp_path, "c", "install_success", "--host", "h", "--json")
    assert (one.returncode, json.loads(one.stdout)["status"]) == (0, "kafka"), one.stderr
    good = [json.dumps(event(component_id="c", event_id=None, host_id=f"h{n % 40}")) for n in range(3_000)]
    many = publish(settings, tmp_path, "--json", lines="\n".join([*good[:7], "bad", *good[7:]]))
    told = json.loads(many.stdout)
    assert (many.returncode, told["sent"], told["rejected"]) == (1, 3_000, 1), many.stderr
    assert told["complaints"] == [{"line": 8, "field": None, "reason": "not_json"}]
    stream = Stream(kafka.bootstrap, prefix)
    await stream.fold()
    row = (await stream.stats())["c"]
    assert (row["install_successes"], row["install_failures"]) == (1, 3_000)


async def test_what_waits_is_sent_by_drain_and_by_the_next_call(
    kafka: EmbeddedKafka, prefix: str, tmp_path: Path
) -> None:
    """S4: what waits for a Kafka that has moved goes out by name; what waits for this one goes first."""
    settings = await made(kafka, prefix)
    moved = settings.model_copy(update={"bootstrap": f"{LOOPBACK}:{free_port()}"})
    assert publish(moved, tmp_path, "first", "install_success").returncode == 0
    spool = str(spool_for(moved, tmp_path).path)
    drained = publish(settings, tmp_path, "--drain", "--spool", spool, "--json")
    assert (drained.returncode, json.loads(drained.stdout)["sent"]) == (0, 1), drained.stderr
    spool_for(settings, tmp_path).append([event_of("second")])
    assert publish(settings, tmp_path, "third", "install_success").returncode == 0
    records = await Stream(kafka.bootstrap, prefix).records(OUTCOME_EVENTS)
    found = {orjson.loads(record.value or b"")["component_id"]: record.offset for record in records}
    assert set(found) == {"first", "second", "third"}
    assert spool_for(settings, tmp_path).is_empty()


def event_of(component_id: str) -> Any:
    from processor.publish.encoding import EncodedEvent  # noqa: PLC0415 -- beside its only use

    return EncodedEvent(b"host-1", orjson.dumps(event(component_id=component_id)))


async def test_publishers(kafka: EmbeddedKafka, prefix: str, tmp_path: Path) -> None:
    """S12: key and partition of each event are those of Kafka's default partitioner, in order per host."""
    settings = await made(kafka, prefix)
    with BlockingPublisher(settings, state_dir=tmp_path, host="own") as blocking:
        receipts = [blocking.record(f"c{n}", "used_in_session", host_id=f"h{n % 5}") for n in range(500)]
        with pytest.raises(ZeroDivisionError), blocking.installing("broken"):
            _ = 1 // 0
    async with Publisher(settings, state_dir=tmp_path, host="own") as publisher:
        receipts.append(await publisher.record("c", "deprecated", wait=True))
    assert {receipt.status for receipt in receipts} == {Status.KAFKA}
    records = await records_of(settings)
    assert len(records) == 502
    hosts = [hash_host(name) for name in ("own", *(f"h{n}" for n in range(5)))]
    default = await default_partitions(settings, hosts)
    for host in hosts:
        own = [record for record in records if record.key == host.encode()]
        assert {record.partition for record in own} == {default[host]}
    of_one = [orjson.loads(r.value or b"") for r in records if r.key == hash_host("h3").encode()]
    assert [one["component_id"] for one in of_one] == [f"c{n}" for n in range(3, 500, 5)]
    failed = [orjson.loads(r.value or b"") for r in records if b"broken" in (r.value or b"")]
    assert [(one["outcome_type"], one["context"]) for one in failed] == [
        ("install_failure", "ZeroDivisionError: integer division or modulo by zero")
    ]
