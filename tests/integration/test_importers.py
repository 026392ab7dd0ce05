"""Each importer into a real Kafka by its command, again with nothing new, and following with rotations."""

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from processor.broker import EmbeddedKafka
from processor.publish.host import hash_host
from processor.settings import Settings
from processor.tracker import OutcomeTracker
from schemas import OutcomeType
from schemas.wire import validate_event
from tests.integration.test_publish import fleetfold, made, records_of
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.kafka

DATA = Path(__file__).parents[1] / "data"
NDJSON = b'{"component_id":"%s","outcome_type":"install_failure","timestamp":"2026-01-02T03:04:05Z"}\n'


def files_of(importer: str, folder: Path) -> list[Path]:
    """Return files of real output, or what a tracker saved, in a folder of their own."""
    folder.mkdir()
    if importer == "tracker":
        tracker = OutcomeTracker()
        for number in range(3):
            tracker.record_outcome(f"c{number}", OutcomeType.INSTALL_FAILURE, "no space left")
        tracker.save(folder / "outcomes.json")
    elif importer == "ndjson":
        (folder / "events.ndjson").write_bytes(b"".join(NDJSON % b"c%d" % number for number in range(3)))
    else:
        kind, pattern = {
            "dpkg": ("apt", "dpkg.log"),
            "apt": ("apt", "[ht]*.log"),
            "pip": ("pip", "*.log"),
            "pip-report": ("pip", "report.json"),
            "npm": ("npm", "*.log"),
        }[importer]
        for path in (DATA / kind).glob(pattern):
            (folder / path.name).write_bytes(path.read_bytes())
    return sorted(folder.iterdir())


@pytest.mark.parametrize(
    ("importer", "expected"),
    [
        ("dpkg", {"install_failure": 4, "install_success": 5, "removed_by_user": 4}),
        ("apt", {"install_failure": 4, "install_success": 5, "removed_by_user": 4}),
        ("pip", {"install_failure": 10, "install_success": 7, "removed_by_user": 3}),
        ("pip-report", {"install_success": 2}),
        ("npm", {"install_failure": 10, "install_success": 13, "removed_by_user": 2}),
        ("tracker", {"install_failure": 3}),
        ("ndjson", {"install_failure": 3}),
    ],
)
async def test_importer_end_to_end(
    importer: str, expected: dict[str, int], kafka: EmbeddedKafka, prefix: str, tmp_path: Path
) -> None:
    """S1, S4: what a command reads stands on the topic once, also when it is compressed and read again."""
    settings = await made(kafka, prefix)
    files = files_of(importer, tmp_path / "files")
    command = ["--json", "--host", "h", "--distribution", "debian", "--zone", "UTC", "--finished"]
    command += ["--state-dir", str(tmp_path / "state")]
    first = fleetfold(settings, "import", importer, *map(str, files), *command)
    packed = [path.with_name(f"{path.name}.gz") for path in files]
    for path, target in zip(files, packed, strict=True):
        target.write_bytes(gzip.compress(path.read_bytes()))
        times = path.stat()
        os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
        path.unlink()
    second = fleetfold(settings, "import", importer, *map(str, packed), *command)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    told, again = json.loads(first.stdout), json.loads(second.stdout)
    total = sum(expected.values())
    assert told["outcomes"] == expected
    assert (told["sent"], again["sent"], again["already_known"]) == (total, 0, total)
    events = [validate_event(orjson.loads(record.value)) for record in await records_of(settings)]
    assert len({event.event_id for event in events}) == len(events) == total
    assert {event.host_id for event in events} == {hash_host("h")}


async def test_two_importers_of_the_same_packages(kafka: EmbeddedKafka, prefix: str, tmp_path: Path) -> None:
    """S1: apt's history is refused for a host whose dpkg log was imported: it would count twice."""
    settings = await made(kafka, prefix)
    state = ["--host", "h", "--state-dir", str(tmp_path / "state")]
    assert fleetfold(settings, "import", "dpkg", str(DATA / "apt" / "dpkg.log"), *state).returncode == 0
    refused = fleetfold(settings, "import", "apt", str(DATA / "apt"), *state)
    assert refused.returncode == 2
    assert "`fleetfold import dpkg` was used for this host" in refused.stderr


async def test_bad_lines_among_good_ones(kafka: EmbeddedKafka, prefix: str, tmp_path: Path) -> None:
    """X1: the good lines are sent, the bad ones told with line and reason, and the exit code is 1."""
    settings = await made(kafka, prefix)
    path = tmp_path / "events.ndjson"
    path.write_bytes(NDJSON % b"a" + b"rubbish\n" + NDJSON % b"b")
    done = fleetfold(settings, "import", "ndjson", str(path), "--host", "h", "--state-dir", str(tmp_path))
    assert done.returncode == 1
    assert "line 2: not JSON" in done.stderr
    assert len(await records_of(settings)) == 2


@contextmanager
def following(
    settings: Settings, path: Path, state: Path, **environment: str
) -> "Iterator[subprocess.Popen[str]]":
    """Run the command that follows a file; it is gone at the end, whatever happens."""
    where = ["--bootstrap", settings.bootstrap, "--topic-prefix", settings.topic_prefix]
    command = ["import", "ndjson", str(path), "--follow", "--host", "h", "--state-dir", str(state), *where]
    process = subprocess.Popen(
        [sys.executable, "-m", "processor.cli.main", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def wait_for(settings: Settings, names: list[str]) -> None:
    """Return once exactly these components stand on the topic, in this order."""
    found: list[Any] = []

    async def there() -> bool:
        found[:] = [orjson.loads(record.value)["component_id"] for record in await records_of(settings)]
        return len(found) >= len(names)

    await eventually(there)
    assert found == names


def append(path: Path, *names: str) -> None:
    with path.open("ab") as file:
        file.write(b"".join(NDJSON % name.encode() for name in names))


def copy_and_truncate(path: Path) -> None:
    """Rotate a file as logrotate's copytruncate does."""
    Path(f"{path}.1").rename(f"{path}.2")
    Path(f"{path}.1").write_bytes(path.read_bytes())
    path.write_bytes(b"")


async def test_follow(kafka: EmbeddedKafka, prefix: str, tmp_path: Path) -> None:
    """S14: lines are sent as they come, over renames, copies and truncation; SIGTERM keeps the bookmark."""
    settings = await made(kafka, prefix)
    path, state = tmp_path / "events.ndjson", tmp_path / "state"
    append(path, "a", "b")
    with following(settings, path, state) as process:
        await wait_for(settings, ["a", "b"])
        append(path, "c")
        path.rename(f"{path}.1")
        append(path, "d")
        await wait_for(settings, ["a", "b", "c", "d"])
        copy_and_truncate(path)
        append(path, "e")
        await wait_for(settings, ["a", "b", "c", "d", "e"])
        path.write_bytes(b"")
        append(path, "f")
        await wait_for(settings, ["a", "b", "c", "d", "e", "f"])
        process.send_signal(signal.SIGTERM)
        output, _ = await asyncio.to_thread(process.communicate, timeout=20)
        assert process.returncode == 0, output
        assert "stopped; sent 6 events" in output
    everything = [str(path), f"{path}.1", f"{path}.2"]
    again = fleetfold(
        settings, "import", "ndjson", *everything, "--json", "--host", "h", "--state-dir", str(state)
    )
    told = json.loads(again.stdout)
    assert (told["sent"], told["already_known"]) == (0, 5)  # what was truncated away is in no file any more


async def test_follow_over_an_outage(own_broker: Any, prefix: str, tmp_path: Path) -> None:
    """S11: a Kafka that is away is waited for, and what was written meanwhile is sent when it is back."""
    broker = await asyncio.to_thread(own_broker)
    settings = await made(broker, prefix)
    path = tmp_path / "events.ndjson"
    append(path, "a")
    with following(settings, path, tmp_path / "state", FLEETFOLD_REQUEST_TIMEOUT_S="2") as process:
        await wait_for(settings, ["a"])
        await asyncio.to_thread(broker.stop)
        append(path, "b")
        assert process.stdout is not None
        while "next attempt in" not in (line := await asyncio.to_thread(process.stdout.readline)):
            assert line, "it ended"
        await asyncio.to_thread(broker.restart)
        await wait_for(settings, ["a", "b"])
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0


async def test_follow_is_stopped_in_an_outage(own_broker: Any, prefix: str, tmp_path: Path) -> None:
    """S14: SIGTERM ends it also while it waits for a Kafka that does not answer."""
    broker = await asyncio.to_thread(own_broker)
    settings = await made(broker, prefix)
    path = tmp_path / "events.ndjson"
    append(path, "a")
    with following(settings, path, tmp_path / "state", FLEETFOLD_REQUEST_TIMEOUT_S="120") as process:
        await wait_for(settings, ["a"])
        await asyncio.to_thread(broker.stop)
        append(path, "b")
        process.send_signal(signal.SIGTERM)
        output, _ = await asyncio.to_thread(process.communicate, timeout=30)
        assert (process.returncode, "stopped; sent 1 events" in output) == (0, True), output
