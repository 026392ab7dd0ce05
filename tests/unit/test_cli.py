"""The command line without Kafka: what it offers, how it fails, and how little it loads to start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from processor.cli.main import app

NOBODY = "127.0.0.1:9"  # the discard port: nothing of ours listens there


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, with a clean environment."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FLEETFOLD_")}
    command = [sys.executable, "-m", "processor.cli.main", *arguments]
    return subprocess.run(  # our own command
        command, cwd=cwd, env=clean | environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_help_names_every_command() -> None:
    """The help shows each command of the issue."""
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    listed = {line.split()[0] for line in result.output.splitlines() if line.startswith("  ")}
    assert listed >= {"broker", "topics", "worker", "failures", "import", "simulate", "stats", "problematic"}
    assert listed >= {"removed", "pairs", "deprecated", "demo"}


@pytest.mark.parametrize("command", ["stats", "pairs", "topics", "topics create", "import dpkg", "demo"])
def test_every_command_has_help(command: str) -> None:
    """`-h` works everywhere."""
    result = CliRunner().invoke(app, [*command.split(), "-h"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_version() -> None:
    """`--version` prints the name and a version, and nothing else."""
    result = run("--version")
    assert result.returncode == 0
    assert result.stdout.startswith("fleetfold ")
    assert len(result.stdout.split()) == 2


def test_a_start_loads_no_heavy_module() -> None:
    """`--help` stays quick because what is heavy is loaded by the commands that need it."""
    code = (
        "import sys, processor.cli.main; "
        "print([m for m in ('aiokafka', 'faust', 'pydantic', 'asyncio') if m in sys.modules][:3])"
    )
    result = subprocess.run(  # our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "aiokafka" not in result.stdout
    assert "faust" not in result.stdout
    assert "pydantic" not in result.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["topics", "create"],
        ["topics", "verify"],
        ["stats", "a"],
        ["problematic", "--json"],
        ["failures"],
        ["dead-letters", "list"],
        ["dead-letters", "show", "0:1"],
        ["dead-letters", "replay", "--yes"],
        ["simulate", "--events", "10"],
        ["forget", "host", "h", "--yes"],
        ["retract", "--host", "h", "--dry-run"],
        ["undeprecate", "a", "--yes"],
        ["corrections"],
        ["override", "a", "--reason", "r"],
        ["override", "a", "--end"],
        ["overrides"],
    ],
    ids=" ".join,
)
def test_unreachable_broker_is_one_line(command: list[str]) -> None:
    """X10: no broker gives one line that says what and where, exit code 2, and no traceback."""
    result = run(*command, "--bootstrap", NOBODY)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert f"no Kafka answers at {NOBODY}" in line
    assert result.stdout == ""


@pytest.mark.parametrize("more", [[], ["--processes", "2"]], ids=["alone", "supervised"])
def test_a_worker_without_a_broker_ends_with_that_line(more: list[str]) -> None:
    """X10: a worker that must not wait logs one line that says what and where, and no other."""
    result = run("worker", "--bootstrap", NOBODY, *more, FLEETFOLD_BROKER_WAIT_S="0")
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert f"no Kafka answers at {NOBODY}" in line


def test_a_worker_waits_for_its_broker_and_says_so_once() -> None:
    """X10: what may pass is tried again for a while, with one line at first and one at last."""
    result = run("worker", "--bootstrap", NOBODY, "--log-format", "json", FLEETFOLD_BROKER_WAIT_S="1.4")
    assert result.returncode == 2
    first, last = map(json.loads, result.stderr.splitlines())
    assert first["event"].endswith("trying again for 1 s")
    assert (first["level"], last["level"]) == ("warning", "error")
    assert last["event"].startswith(f"no Kafka answers at {NOBODY}")


def test_wrong_setting_is_one_line() -> None:
    """A wrong variable stops the start with its name and what is allowed."""
    result = run("problematic", FLEETFOLD_PARTITIONS="none")
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line == "partitions (FLEETFOLD_PARTITIONS) is 'none': it must be a number from 1 to 1000"


def test_unknown_variable_is_a_warning(tmp_path: Path) -> None:
    """A misspelt variable is warned of, and does not stop anything."""
    result = run("topics", "verify", "--bootstrap", NOBODY, FLEETFOLD_PARTITOINS="1", cwd=tmp_path)
    assert result.stderr.splitlines()[0].startswith("FLEETFOLD_PARTITOINS is not a setting")


def test_flag_wins_over_environment() -> None:
    """`--bootstrap` wins over FLEETFOLD_BOOTSTRAP."""
    result = run("problematic", "--bootstrap", NOBODY, FLEETFOLD_BOOTSTRAP="127.0.0.1:7")
    assert NOBODY in result.stderr
    assert "127.0.0.1:7" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["stats"],
        ["pairs", "--min-count", "0"],
        ["--nonsense"],
        ["worker", "--processes", "-1"],
        ["dead-letters", "show", "12"],
        ["dead-letters", "list", "--since", "yesterday"],
        ["dead-letters", "replay"],
        ["forget", "component", "a"],
        ["retract", "--yes"],
        ["retract", "--since", "yesterday", "--yes"],
        ["retract", "--event-id", "7", "--yes"],
        ["retract", "--event-ids", "no such file", "--yes"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    """An unknown command, a missing argument and a value out of range cannot work."""
    result = run(*arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_a_harmful_argument_is_shown_harmlessly() -> None:
    """X9: what was typed or pasted is shown with escapes when it is complained about."""
    result = run("problematic", "--bootstrap", "evil\x1b[2J\nhost")
    assert result.returncode == 2
    assert "\x1b" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_worker_that_starts_hears_sigterm_wherever_it_comes() -> None:
    """S14: in a destructor Python ignores exceptions, and a worker had gone on as if nobody had asked."""
    program = """
import os, signal
from processor.cli.worker import _leave

class Closing:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)

signal.signal(signal.SIGTERM, _leave)
Closing()
print("goes on")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
