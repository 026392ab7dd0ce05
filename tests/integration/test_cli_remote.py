"""Query commands, `top` and `export`: the same answers from Kafka and from a service, and clear refusals."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from processor import OutcomeTracker
from schemas.topics import CO_FAILURES, COMPONENT_HISTORY, COMPONENT_STATS, HOST_LEDGER
from tests.served import EVIL, day, ledger, pair, stats
from tests.serving import Service
from tests.stream import Stream

pytestmark = pytest.mark.kafka

TOKEN = "0123456789abcdef"
DAYS = [
    day(EVIL, "2026-01-01", 0, 1),
    day(EVIL, "2026-02-03", 1, 3, hours={"02": [1, 1, 0, 0], "04": [0, 2, 0, 0]}),
    day("good", "2026-02-03", 3, 1, 2, hours={"03": [3, 1, 2, 0]}),
]

COMMANDS = [
    ("stats", "good", EVIL),
    ("history", EVIL, "good"),
    ("problematic",),
    ("removed", "--min-removals", "1"),
    ("deprecated",),
    ("pairs", "--min-count", "1"),
    ("pairs", "--component", EVIL),
    ("failures",),
    ("failures", "--host", "hö"),
]


@pytest.fixture
async def stream(kafka: Any, prefix: str) -> Stream:
    stream = await Stream(kafka.bootstrap, prefix).create_topics()
    rows = [
        stats("good", 3, 1),
        stats(EVIL, 1, 4, removal_count=1),
        stats("old", deprecated_at="2026-01-01T00:00:00.000000Z"),
    ]
    pairs = [pair(EVIL, "good", 3), pair("good", "old", 1)]
    hosts = [ledger("hö", (0, 1_000_000, (EVIL, "good")), (9, 9, None)), ledger("h2", (5, 5, ("old",)))]
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for topic, some in (
            (COMPONENT_STATS, rows),
            (CO_FAILURES, pairs),
            (HOST_LEDGER, hosts),
            (COMPONENT_HISTORY, DAYS),
        ):
            for key, value in some:
                await producer.send_and_wait(stream.settings.topic(topic), key=key, value=value)
    return stream


@pytest.fixture
async def service(stream: Stream, tmp_path: Path) -> AsyncIterator[Service]:
    with Service(stream.settings, tmp_path / "serve.log").gone_at_the_end() as service:
        yield await service.ready()


def fleetfold(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "processor.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | environment,
    )


def kafka_of(stream: Stream) -> list[str]:
    return ["--bootstrap", stream.settings.bootstrap, "--topic-prefix", stream.settings.topic_prefix]


def test_a_service_gives_the_same_answers_as_kafka(stream: Stream, service: Service) -> None:
    """S3, X9: each query, for machines and for people, says the same from either; a named Kafka wins."""
    for command in (*((*each, "--json") for each in COMMANDS), ("problematic",), ("pairs",), ("failures",)):
        from_kafka = fleetfold(*command, *kafka_of(stream), FLEETFOLD_URL="http://127.0.0.1:1")
        from_service = fleetfold(*command, "--url", service.url)
        assert from_kafka.stdout
        assert (from_service.returncode, from_service.stdout) == (0, from_kafka.stdout), from_service.stderr
        assert from_kafka.stderr == from_service.stderr == ""


def test_machines_get_the_numbers_of_time_lines(stream: Stream, service: Service) -> None:
    """`--json` carries the hours and days of each component, `--no-history` leaves them out."""
    for where in (kafka_of(stream), ["--url", service.url]):
        (row,) = json.loads(fleetfold("problematic", "--json", *where).stdout)
        assert [each["install_failures"] for each in row["history"]["days"]] == [1, 3]
        assert [each["start"] for each in row["history"]["hours"]] == [
            "2026-02-03T02:00:00.000000Z",
            "2026-02-03T04:00:00.000000Z",
        ]
        assert (
            "history" not in json.loads(fleetfold("problematic", "--json", "--no-history", *where).stdout)[0]
        )
        (told,) = json.loads(fleetfold("history", "--json", EVIL, *where).stdout)
        assert told == row["history"]
        unknown = fleetfold("history", "old", "good", *where)
        assert (unknown.returncode, unknown.stderr) == (1, "nothing was counted of: old\n")
        assert "day   2026-02-03 00:00:00Z       1          3     2        0" in unknown.stdout


def test_a_terminal_gets_small_pictures(stream: Stream, service: Service) -> None:
    """Queries, `history` and `top` draw time lines where somebody looks; piped they print plain tables."""
    for where in (kafka_of(stream), ["--url", service.url]):
        table = on_a_terminal("problematic", *where)
        assert "failures, 90 days" in table
        assert "▁▁▁▁▁▁▁▁▁▁▁▃▁▁▁▁▁█" in table
        drawn = on_a_terminal("history", EVIL, *where)
        assert "90 days, failed" in drawn
        assert "▅▁█ 3" in drawn
        assert "▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▅█" in on_a_terminal("top", "--once", *where)
        assert "▁" not in fleetfold("problematic", *where).stdout


def on_a_terminal(*arguments: str) -> str:
    """Return what a command prints on a wide terminal."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "processor.cli.main", *arguments]
    wide = {"TERM": "xterm", "COLUMNS": "300", "LINES": "50", "FLEETFOLD_URL": ""}
    with subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, env=os.environ | wide
    ) as process:
        os.close(follower)
        seen = b""
        while True:
            try:
                part = os.read(leader, 65_536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            seen += part
        assert process.wait(30) == 0, seen
    os.close(leader)
    return seen.decode()


def test_a_board_is_shown_once_where_nobody_looks(stream: Stream, service: Service) -> None:
    """`top` without a terminal prints one look; from Kafka and from a service it is the same one."""
    for where in (kafka_of(stream), ["--url", service.url]):
        done = fleetfold("top", *where)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Failing now" in done.stdout
        assert "\\u202e" in done.stdout
        board = json.loads(fleetfold("top", "--json", *where).stdout)
        assert [row["component_id"] for row in board["failing"]] == sorted((EVIL, "good"))
        assert board["trends"][EVIL][-3:] == [1, 0, 2]
        assert board["trends"]["good"][-3:] == [0, 1, 0]
        assert len(board["trends"]["good"]) == 48
        without = json.loads(fleetfold("top", "--json", "--no-history", *where).stdout)
        assert without == board | {
            "trends": None,
            "changes": without["changes"],
            "delay_s": without["delay_s"],
        }
        assert board["together"] == [[*sorted((EVIL, "good")), 3]]
        assert (board["components"], board["problematic"], board["pipeline"]) == (3, 1, "idle")


def test_a_board_lives_on_a_terminal_until_it_is_stopped(service: Service) -> None:
    """On a terminal `top` draws again and again, with colours, and ends clean on SIGTERM."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "processor.cli.main", "top", "--every", "0.2", "--url", service.url]
    with subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, env=os.environ | {"TERM": "xterm"}
    ) as process:
        os.close(follower)
        seen = b""
        while seen.count(b"Failing now") < 3 or b"changes/s" not in seen:
            assert select.select([leader], [], [], 30)[0], seen
            seen += os.read(leader, 65_536)
        process.send_signal(signal.SIGTERM)
        while True:  # what it still draws must be read, or it cannot end
            try:
                if not os.read(leader, 65_536):
                    break
            except OSError:
                break
        assert process.wait(15) == 0
    os.close(leader)
    assert b"\x1b[" in seen


def test_exports_hold_every_row(stream: Stream, service: Service, tmp_path: Path) -> None:
    """From Kafka and from a service the files are the same; the tracker loads its own."""
    for name, more in (
        ("t.json", ()),
        ("c.csv", ()),
        ("c.parquet", ()),
        ("p.arrow", ("--what", "pairs")),
        ("h.csv", ("--what", "history")),
    ):
        files = []
        for number, where in enumerate((kafka_of(stream), ["--url", service.url])):
            path = tmp_path / f"{number}-{name}"
            done = fleetfold("export", str(path), *more, *where)
            assert (done.returncode, done.stderr) == (0, ""), done.stderr
            assert "written to" in done.stdout
            files.append(path.read_bytes())
        assert files[0] == files[1]
    lines = (tmp_path / "0-h.csv").read_text().splitlines()
    assert [line.split(",")[-6:] for line in lines if line.startswith("good")] == [
        ["day", "2026-02-03T00:00:00.000000Z", "3", "1", "2", "0"],
        ["hour", "2026-02-03T03:00:00.000000Z", "3", "1", "2", "0"],
    ]
    assert len(lines) > 5
    tracker = OutcomeTracker.load(tmp_path / "0-t.json")
    assert (len(tracker.outcomes), tracker.get_problematic_components()) == (3, [EVIL])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ("problematic", "--url", "http://127.0.0.1:1"),
            "no Fleetfold service answers at http://127.0.0.1:1",
        ),
        (("top", "--url", "nonsense"), "url (FLEETFOLD_URL) is 'nonsense'"),
        (("export", "a.xlsx", "--url", "http://127.0.0.1:1"), "the ending names no format"),
        (
            ("export", "a.csv", "--what", "mood"),
            "--what is 'mood': it must be components or pairs or history",
        ),
        (("export", "/proc/no/a.csv", "--url", "http://127.0.0.1:1"), "no Fleetfold service answers"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(arguments: tuple[str, ...], complaint: str) -> None:
    """X10: exit code 2, and what would mend it."""
    done = fleetfold(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1


async def test_a_refused_token_is_said(stream: Stream, tmp_path: Path) -> None:
    """X10: a service that wants a token says so, and with it answers."""
    service = Service(stream.settings, tmp_path / "log", FLEETFOLD_TOKENS=f"cli read {TOKEN}")
    with service.gone_at_the_end():
        await service.ready()
        refused = fleetfold("problematic", "--url", service.url)
        assert refused.returncode == 2
        assert "a bearer token is needed (set FLEETFOLD_TOKEN)" in refused.stderr
        allowed = fleetfold("problematic", "--json", "--url", service.url, FLEETFOLD_TOKEN=TOKEN)
        assert [row["component_id"] for row in json.loads(allowed.stdout)] == [EVIL]
