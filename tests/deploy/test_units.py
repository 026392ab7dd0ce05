"""systemd units: of the form that systemd takes, starting commands that exist, and with few rights."""

import configparser
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from processor.cli.main import app
from processor.cli.worker import worker
from processor.settings import unknown_variables
from tests.deploy.tools import DEPLOY, run, tool

UNITS = sorted((DEPLOY / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
PROGRAM = "/opt/fleetfold/bin/fleetfold"
LONG_RUNNING = ("fleetfold-worker", "fleetfold-serve", "fleetfold-gateway", "fleetfold-verdicts")
EXPOSED_MAX = 20  # tenths of systemd's own measure, from 0 to 100; a unit without any of this has 96


def of(unit: Path) -> configparser.SectionProxy:
    """A unit's section of what it runs; of a key that stands twice the last value."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys as they stand
    parser.read(unit, encoding="utf-8")
    return parser["Service"]


@pytest.fixture
def installed(tmp_path: Path) -> list[str]:
    """The units, with a program that is there in place of an installation."""
    paths = []
    for unit in UNITS:
        path = tmp_path / unit.name
        path.write_text(unit.read_text(encoding="utf-8").replace(PROGRAM, sys.executable))
        paths.append(str(path))
    return paths


def test_systemd_takes_them(installed: list[str]) -> None:
    """Systemd's own check: every key, value and reference."""
    assert run([tool("systemd-analyze", "Debian's systemd"), "verify", *installed]) == ""


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_they_are_shut_in(name: str, installed: list[str]) -> None:
    """By systemd's own measure a unit that serves a network can do little else."""
    (path,) = (path for path in installed if path.endswith(f"{name}.service"))
    analyze = tool("systemd-analyze", "Debian's systemd")
    run([analyze, "security", "--offline=true", f"--threshold={EXPOSED_MAX}", "--no-pager", path])


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_they_start_what_exists(unit: Path) -> None:
    """Each starts our program, with a command and options that it has."""
    program, command, *options = of(unit)["ExecStart"].split()
    assert program == PROGRAM
    text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
    assert all(option in text for option in options if option.startswith("--")), text


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_they_set_what_is_a_setting(unit: Path) -> None:
    """A variable that nothing reads would be a slip."""
    told = dict([of(unit)["Environment"].split("=", 1)]) if "Environment" in of(unit) else {}
    assert unknown_variables(told, env_file="") == []
    assert of(unit)["EnvironmentFile"] == "-/etc/fleetfold/fleetfold.env"


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_a_restart_only_where_it_helps(name: str) -> None:
    """S14, X8: exit codes 2 and 3 are not started again; SIGTERM has longer than a worker takes to end."""
    section = of(DEPLOY / "systemd" / f"{name}.service")
    assert section["Restart"] == "on-failure"
    assert set(section["RestartPreventExitStatus"].split()) == ({"2", "3"} if "worker" in name else {"2"})
    assert int(section["TimeoutStopSec"]) > 10
    assert "2 cannot work as things are; 3 too many" in " ".join((worker.__doc__ or "").split())
