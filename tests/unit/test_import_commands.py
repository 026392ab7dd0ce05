"""`fleetfold import` and `fleetfold simulate` where no Kafka is needed."""

import json
from pathlib import Path

import orjson
import pytest
import typer
from typer.testing import CliRunner, Result

from processor.cli import importing, simulate
from processor.errors import FleetfoldError
from processor.publish.host import hash_host
from schemas.wire import validate_event

DATA = Path(__file__).parents[1] / "data" / "dpkg"


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    importing.register(app)
    simulate.register(app)
    return CliRunner().invoke(app, list(arguments))


def test_dry_run(tmp_path: Path) -> None:
    """A dry run needs no Kafka, says what the log holds, and leaves no bookmark."""
    log = DATA / "several-at-once.log"
    host = ("--host", "h", "--plain-host", "--state-dir", str(tmp_path))
    done = run("import", "dpkg", str(log), "--dry-run", "--json", *host)
    told = json.loads(done.stdout)
    assert done.exit_code == 0
    assert told["outcomes"] == {"install_failure": 2, "install_success": 1}
    assert (told["sent"], told["unfinished"], told["host_id"]) == (0, ["bad:all"], "h")
    assert [event["outcome_type"] for event in told["events"]].count("install_failure") == 2
    assert all(validate_event(event).event_id for event in told["events"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("plain", "host_id"), [((), hash_host("h")), (("--plain-host",), "h")])
def test_host_is_hashed_unless_it_is_to_be_plain(plain: tuple[str, ...], host_id: str) -> None:
    """A given name is published as its hash, as everywhere, and as it is with `--plain-host`."""
    done = run("import", "dpkg", str(DATA / "install.log"), "--dry-run", "--json", "--host", "h", *plain)
    assert json.loads(done.stdout)["host_id"] == host_id


def test_dry_run_for_people() -> None:
    """A dry run prints each event that would be sent: when, what, which component and why."""
    log = DATA.parent / "npm" / "npm11-noversion-debug-0.log"
    done = run("import", "npm", str(log), "--dry-run", "--host", "h")
    assert done.exit_code == 0
    assert "2026-11-24T22:48:31Z  install_failure  pkg:npm/left-pad  exit 1: code ETARGET" in done.stdout
    assert "nothing sent: a dry run" in done.stdout


def test_list_of_importers() -> None:
    """`--list` says what is installed, for people and for machines."""
    listed = json.loads(run("import", "--list", "--json").stdout)
    assert {"dpkg", "apt", "pip", "pip-report", "npm", "tracker", "ndjson"} <= {
        each["name"] for each in listed
    }
    assert "npm's debug logs" in run("import", "--list").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "which importer? There are: apt, dpkg"),
        (("pip",), "which files? `fleetfold import pip PATH...`"),
        (("dpkg", "x", "--follow", "--dry-run"), "--follow goes with neither"),
        (("dpkg", "x", "--follow", "--finished"), "--follow goes with neither"),
    ],
)
def test_commands_that_cannot_work(arguments: tuple[str, ...], said: str) -> None:
    """X10: what is missing or does not go together is one clear line and exit code 2."""
    done = run("import", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr


def test_file_without_one_good_line(tmp_path: Path) -> None:
    """X1: when not one line could be read the last word says so."""
    (tmp_path / "x").write_bytes(b"rubbish\n" * 3)
    done = run("import", "ndjson", str(tmp_path / "x"), "--dry-run", "--host", "h")
    assert done.exit_code == 1
    assert "not one line could be read" in done.stderr


def test_default_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path an importer reads where its program keeps its logs."""
    logs = tmp_path / ".npm" / "_logs"
    logs.mkdir(parents=True)
    for path in (DATA.parent / "npm").glob("npm8-*.log"):
        (logs / path.name).write_bytes(path.read_bytes())
    monkeypatch.setenv("HOME", str(tmp_path))
    done = run("import", "npm", "--dry-run", "--json", "--host", "h")
    assert json.loads(done.stdout)["files"] == 5


def test_unfinished_run_is_told() -> None:
    """Somebody whose last install failed sees that it was left, and how to have it judged."""
    done = run("import", "dpkg", str(DATA / "failing-postinst.log"), "--dry-run", "--host", "h")
    assert "unfinished run" in done.stdout
    assert "bad:all" in done.stdout
    assert "--finished" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("missing.log",),
        (str(DATA / "install.log"), "--zone", "Nowhere"),
        (str(DATA / "install.log"), "--host", ""),
    ],
)
def test_import_that_cannot_work(arguments: tuple[str, ...]) -> None:
    """X10: what cannot work ends with an expected failure, whose exit code is 2."""
    done = run("import", "dpkg", "--dry-run", *arguments)
    assert isinstance(done.exception, FleetfoldError)
    assert done.exception.exit_code == 2


def test_distribution_that_cannot_work() -> None:
    """X10: a distribution that would break the package URLs is refused with exit code 2."""
    done = run("import", "dpkg", "--dry-run", str(DATA / "install.log"), "--distribution", "De/bian")
    assert done.exit_code == 2


def test_simulated_events_in_a_file(tmp_path: Path) -> None:
    """`--out` writes one valid event a line and tells what was planted."""
    out = tmp_path / "events.ndjson"
    done = run("simulate", "--events", "2500", "--hosts", "20", "--out", str(out), "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["simulated"] is True
    lines = out.read_bytes().splitlines()
    assert len(lines) == 2_500
    assert all(validate_event(orjson.loads(line)).component_id.startswith("pkg:sim/") for line in lines)


def test_simulated_events_on_standard_output() -> None:
    """`--out -` writes events and nothing else to standard output."""
    done = run("simulate", "--events", "10", "--out", "-")
    assert len([orjson.loads(line) for line in done.stdout.splitlines()]) == 10
    assert "simulated" in done.stderr


def test_fleet_that_cannot_be() -> None:
    """X10: a fleet without room for its conflicts is refused with exit code 2."""
    done = run("simulate", "--components", "5", "--out", "-")
    assert done.exit_code == 2
    assert "35" in done.stderr
