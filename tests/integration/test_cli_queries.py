"""The query commands on result rows of a real broker: tables, JSON, exit codes, harmless ids."""

import json
import subprocess
import sys
from collections.abc import Callable

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from processor.broker import EmbeddedKafka
from processor.domain.ledger import encode
from processor.settings import load_settings
from processor.topics import create
from schemas.topics import CO_FAILURES, COMPONENT_STATS, HOST_LEDGER

pytestmark = pytest.mark.kafka

EVIL = 'evil\x1b[2J\u202e"|\n[red]'
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def stats(component_id: str, **fields: object) -> dict[str, object]:
    row = {
        "component_id": component_id,
        "install_successes": 1,
        "install_failures": 0,
        "usage_count": 0,
        "removal_count": 0,
        "first_seen": "2026-01-02T03:04:05.000006Z",
        "last_success": "2026-01-02T03:04:05.000006Z",
        "last_failure": None,
        "deprecated_at": None,
        "success_rate": 1.0,
        "is_problematic": False,
    }
    return row | fields


def pair(a: str, b: str, count: int) -> tuple[bytes, bytes]:
    return orjson.dumps([a, b]), orjson.dumps({"component_a": a, "component_b": b, "count": count})


@pytest.fixture
async def run(kafka: EmbeddedKafka, prefix: str) -> Run:
    """Topics without rows, and a function that runs `fleetfold` on them."""
    await create(load_settings(bootstrap=kafka.bootstrap, topic_prefix=prefix))

    def run_command(*arguments: str) -> "subprocess.CompletedProcess[str]":
        where = ["--bootstrap", kafka.bootstrap, "--topic-prefix", prefix]
        return subprocess.run(  # our own command
            [sys.executable, "-m", "processor.cli.main", *arguments, *where],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )

    return run_command


@pytest.fixture
async def filled(kafka: EmbeddedKafka, prefix: str, run: Run) -> Run:
    """The same with rows."""
    rows = [
        stats("good", usage_count=3, first_seen="2026-01-01T00:00:00.000000Z"),
        stats(
            EVIL,
            install_failures=4,
            success_rate=0.2,
            is_problematic=True,
            last_failure="2026-02-03T04:05:06.7Z",
        ),
        stats("gone", removal_count=2, deprecated_at="2026-01-03T00:00:00.000000Z"),
    ]
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for row in rows:
            key = str(row["component_id"]).encode()
            await producer.send_and_wait(prefix + COMPONENT_STATS, key=key, value=orjson.dumps(row))
        for key, value in (pair(EVIL, "good", 3), pair("gone", "good", 1)):
            await producer.send_and_wait(prefix + CO_FAILURES, key=key, value=value)
        ledger = encode((b"", 0, ((0, 1_000_000, ("good", EVIL)), (9_000_000_000, 9_000_000_000, None))))
        await producer.send_and_wait(prefix + HOST_LEDGER, key="hö".encode(), value=ledger)
    return run


@pytest.mark.parametrize(
    ("command", "friendly"),
    [
        ("problematic", "no component is problematic"),
        ("removed", "no component was removed 2 times or more"),
        ("pairs", "no pair failed together 2 times or more"),
        ("deprecated", "no component is deprecated"),
        ("failures", "no recent failures"),
    ],
)
def test_empty_answers_are_friendly(run: Run, command: str, friendly: str) -> None:
    """No rows is an answer, not an error; for machines it is an empty list."""
    result = run(command)
    assert (result.returncode, result.stdout, result.stderr) == (0, friendly + "\n", "")
    assert json.loads(run(command, "--json").stdout) == []


def test_stats_of_known_and_unknown_components(filled: Run) -> None:
    """T3, T4: the rows of known components are shown in a plain table; an unknown one gives exit code 1."""
    result = filled("stats", "good", "never")
    assert result.returncode == 1
    assert result.stderr == "never seen: never\n"
    heading, row = result.stdout.splitlines()
    assert heading.split()[:5] == ["component", "installed", "failed", "rate", "sessions"]
    assert row.split() == ["good", "1", "0", "100%", "0", "3", "0", "2026-01-01", "00:00:00Z", "-"]
    assert filled("stats", "good").returncode == 0


def test_problematic_is_harmless_and_exact(filled: Run) -> None:
    """X9: an id with control characters is shown with escapes, and JSON keeps it exactly."""
    result = filled("problematic")
    assert result.returncode == 0
    assert 'evil\\x1b[2J\\u202e"|\\n[red]' in result.stdout
    assert len(result.stdout.splitlines()) == 2
    (row,) = json.loads(filled("problematic", "--json").stdout)
    assert row["component_id"] == EVIL
    assert row["success_rate"] == 0.2


def test_removed_and_deprecated(filled: Run) -> None:
    """T10, T15: what users take away, and what was called deprecated."""
    assert [row["component_id"] for row in json.loads(filled("removed", "--json").stdout)] == ["gone"]
    assert json.loads(filled("removed", "--min-removals", "3", "--json").stdout) == []
    assert [row["component_id"] for row in json.loads(filled("deprecated", "--json").stdout)] == ["gone"]


def test_pairs_from_a_count_and_of_a_component(filled: Run) -> None:
    """T11: two sessions unless said otherwise, and only those of one component when asked."""
    (only,) = json.loads(filled("pairs", "--json").stdout)
    assert only == {"component_a": EVIL, "component_b": "good", "count": 3}
    found = json.loads(filled("pairs", "--min-count", "1", "--component", "gone", "--json").stdout)
    assert [row["count"] for row in found] == [1]


def test_failures_newest_first_and_by_host(filled: Run) -> None:
    """The windowed table of failures: sessions of hosts, newest first, in UTC."""
    newest, oldest = json.loads(filled("failures", "--host", "hö", "--json").stdout)
    assert newest["mass_failure"]
    assert newest["components"] is None
    assert (oldest["start"], oldest["end"]) == ("1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:01.000000Z")
    assert oldest["components"] == sorted([EVIL, "good"])
    assert "hö    1970-01-01 02:30:00Z" in filled("failures").stdout
    assert filled("failures", "--host", "nobody").stdout == "no recent failures on host nobody\n"


def test_topics_commands(run: Run) -> None:
    """`topics create` and `verify` say what they did, for people and for machines."""
    assert run("topics", "create").stdout == "all topics exist already\n"
    assert json.loads(run("topics", "create", "--json").stdout) == {"created": [], "partitions": 4}
    assert "are as they should be" in run("topics", "verify").stdout
    assert json.loads(run("topics", "verify", "--json").stdout) == []


def test_topics_verify_answers_no(kafka: EmbeddedKafka) -> None:
    """X11: wrong topics give exit code 1 and a line for each."""
    arguments = ["topics", "verify", "--bootstrap", kafka.bootstrap, "--topic-prefix", "nowhere-"]
    result = subprocess.run(  # our own command
        [sys.executable, "-m", "processor.cli.main", *arguments], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stdout.splitlines()[0].startswith("nowhere-outcome-events: is missing; ")
