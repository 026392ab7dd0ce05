"""`fleetfold publish` where no Kafka is in reach, or none is needed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from processor.cli import publish
from processor.errors import KafkaUnavailableError
from processor.publish.core import spool_for
from processor.publish.host import PUBLIC_SALT, hash_host
from processor.publish.lines import LINE_BYTES_MAX
from processor.settings import Settings
from tests.records import event, uuid_of
from tests.unit.test_cli import NOBODY
from tests.waiting import eventually

GOOD = json.dumps(event())


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep each test's spool in its own folder."""
    monkeypatch.setenv("FLEETFOLD_STATE_DIR", str(tmp_path))
    return tmp_path


def run(*arguments: str, lines: str = "", bootstrap: str = NOBODY) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    publish.register(app)
    return CliRunner().invoke(app, ["publish", "--bootstrap", bootstrap, *arguments], input=lines)


def waiting(bootstrap: str = NOBODY) -> list[dict[str, str]]:
    rows = spool_for(Settings(bootstrap=bootstrap)).oldest(100)
    return [json.loads(row.event.value) for row in rows]


def test_one_event() -> None:
    """An event without a Kafka is kept; the command says where it is and why, and ends well."""
    done = run("c", "install_failure", "--context", "mail a@b.example", "--host", "h")
    assert done.exit_code == 0
    assert "kept on disk" in done.stdout
    assert "no Kafka answers" in done.stdout
    (kept,) = waiting()
    assert (kept["context"], kept["host_id"]) == ("mail [email]", hash_host("h"))
    assert kept["event_id"] in done.stdout


def test_all_options(state: Path) -> None:
    """Time, event id and a plain host are taken as given; the answer is JSON."""
    options = [
        "--at",
        "2026-01-02T03:04:05Z",
        "--event-id",
        uuid_of(7),
        "--host",
        "h",
        "--plain-host",
        "--json",
    ]
    done = run("c", "deprecated", *options)
    assert json.loads(done.stdout) == {
        "status": "spool",
        "event_id": uuid_of(7),
        "error": None,
        "reason": None,
        "field": None,
    }
    (kept,) = waiting()
    assert (kept["timestamp"], kept["host_id"]) == ("2026-01-02T03:04:05.000000Z", "h")
    assert state.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["c", "exploded"], 1, "must be one of"),
        (["c"], 2, "OUTCOME"),
        (["c", "deprecated", "--at", "noon"], 2, "--at noon"),
        (["c", "deprecated", "--event-id", "7"], 2, "--event-id 7"),
        (["--drain", "--spool", "missing"], 2, "no spool"),
    ],
)
def test_what_cannot_work(arguments: list[str], code: int, says: str) -> None:
    """X2, X10: bad data is exit code 1, a command that cannot work 2; each says what is wrong."""
    done = run(*arguments)
    assert (done.exit_code, waiting()) == (code, [])
    assert says in done.stderr


def test_lines() -> None:
    """X1, X2: good lines are accepted in their order; bad ones are named with line, field and reason."""
    bad = ["nonsense", "[]", json.dumps(event(outcome_type="x")), "x" * (LINE_BYTES_MAX + 5), "NaN"]
    other = json.dumps(event(component_id="last", host_id=None))
    done = run("--json", lines="\n".join([GOOD, *bad, "", other]))
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["lines"], told["sent"], told["spooled"], told["rejected"]) == (8, 0, 2, 5)
    assert [(one["line"], one["field"], one["reason"]) for one in told["complaints"]] == [
        (2, None, "not_json"),
        (3, None, "not_an_object"),
        (4, "outcome_type", "unknown_outcome_type"),
        (5, None, "too_long"),
        (6, None, "not_json"),
    ]
    first, last = waiting()
    assert (first["event_id"], first["timestamp"]) == (event()["event_id"], event()["timestamp"])
    assert (first["host_id"], last["component_id"]) == (hash_host("host-1"), "last")


def test_lines_for_people() -> None:
    """What was kept and what was rejected is said in words, and all accepted is exit code 0."""
    done = run(lines=f"{GOOD}\n{GOOD}\n")
    assert done.exit_code == 0
    assert "0 events sent" in done.stdout
    assert "2 kept on disk" in done.stdout
    done = run(lines="{}\n" * 30)
    assert (done.exit_code, "line 1: component_id: missing" in done.stderr) == (1, True)
    assert "30 lines were rejected" in done.stderr


def test_lines_stop_where_nothing_more_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full spool ends the reading with exit code 2, and says at which line."""
    monkeypatch.setenv("FLEETFOLD_SPOOL_MAX_MB", "1")
    line = json.dumps(event(event_id=None, context="x y " * 500)) + "\n"
    done = run("--json", lines=line * 60_00)
    told = json.loads(done.stdout)
    assert done.exit_code == 2
    assert "is full" in told["error"]
    assert told["spooled"] == told["complaints"][0]["line"] - 1
    assert f"line {told['spooled'] + 1}" in done.stderr


def test_no_lines() -> None:
    """Nothing on standard input is nothing to do."""
    assert run(lines="").exit_code == 0
    assert waiting() == []


def test_drain_without_a_kafka() -> None:
    """X10: what cannot be sent still waits, and the reason is one expected failure."""
    run("c", "deprecated")
    done = run("--drain")
    assert isinstance(done.exception, KafkaUnavailableError)
    assert len(waiting()) == 1


def test_drain_names_what_waits_for_another_kafka() -> None:
    """Events for a Kafka that has moved are not forgotten: they are named, with how to send them."""
    run("c", "deprecated", bootstrap="127.0.0.1:11")
    done = run("--drain")
    assert done.exit_code == 0
    assert "1 events wait for 127.0.0.1:11, topic outcome-events" in done.stdout
    told = json.loads(run("--drain", "--json").stdout)
    assert (told["sent"], told["waiting"], told["elsewhere"][0]["events"]) == (0, 0, 1)


@pytest.mark.parametrize("arguments", [["c", "deprecated"], ["--drain"], []], ids=["one", "drain", "lines"])
def test_opted_out(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A script on a machine that opted out goes on; the command says that nothing was published, and why."""
    run("before", "deprecated")
    monkeypatch.setenv("FLEETFOLD_OPT_OUT", "1")
    done = run(*arguments, lines=GOOD)
    assert done.exit_code == 0
    assert "FLEETFOLD_OPT_OUT" in done.stdout
    assert [one["component_id"] for one in waiting()] == ["before"]


def test_show_is_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--show` prints the record that publishing makes, but for time and id, and sends and keeps nothing."""
    arguments = ["c\u202e", "install_failure", "--context", "at 10.1.2.3", "--host", "h"]
    told = json.loads(run(*arguments, "--show", "--json").stdout)
    assert waiting() == []
    assert run(*arguments).exit_code == 0
    (kept,) = waiting()
    drop = {"timestamp": "", "event_id": ""}
    assert told["value"] | drop == kept | drop
    assert (told["key"], told["topic"]) == (hash_host("h"), "outcome-events")
    assert PUBLIC_SALT in told["host"]
    shown = run(*arguments, "--show").stdout
    assert "\\u202e" in shown
    assert "\u202e" not in shown
    monkeypatch.setenv("FLEETFOLD_HOST_SALT", "a secret of the fleet")
    assert "a secret" not in run("--show").stdout


async def test_sigterm_while_it_reads(state: Path) -> None:
    """SIGTERM ends the reading of a pipe that stays open: what was read is accepted, and is counted."""
    command = [sys.executable, "-m", "processor.cli.main", "publish", "--bootstrap", NOBODY, "--json"]
    with subprocess.Popen(  # noqa: ASYNC220 -- it is quick to start
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"FLEETFOLD_STATE_DIR": str(state)},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{GOOD}\n".encode() * 5)
        process.stdin.flush()

        async def kept() -> bool:
            return len(waiting()) == 5

        await eventually(kept)
        process.send_signal(signal.SIGTERM)
        told = json.loads(await asyncio.to_thread(process.stdout.read))
        assert await asyncio.to_thread(process.wait, 30) == 130
    assert (told["lines"], told["spooled"], told["rejected"]) == (5, 5, 0)
