"""What the command line says of a FILE that it cannot use: one clean line, and exit code 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = {
    "retract": ("retract", "--yes", "--event-ids"),
    "drain": ("publish", "--drain", "--spool"),
    "import": ("import", "ndjson"),
    "serve": ("serve", "--tokens"),
    "simulate": ("simulate", "--events", "3", "--out"),
    "export": ("export",),
}
"""Each command that takes a FILE, up to its name."""
READING = ("retract", "drain", "import", "serve")
FROM_ENVIRONMENT = ("SASL_PASSWORD_FILE", "CORRECTION_KEY_FILE", "TOKENS_FILE")


def ended(tmp_path: Path, *words: str, **environment: str) -> tuple[int, str]:
    """Run `fleetfold` without a Kafka; its exit code and what it said to people."""
    told = {"FLEETFOLD_BOOTSTRAP": "127.0.0.1:1", "FLEETFOLD_STATE_DIR": str(tmp_path / "state")}
    done = subprocess.run(
        [sys.executable, "-m", "processor.cli.main", *words],
        env=os.environ | told | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def says_one_line(end: tuple[int, str], *parts: str) -> None:
    code, said = end
    assert code == 2, said
    assert len(said.splitlines()) == 1, said
    for part in parts:
        assert part in said


@pytest.mark.parametrize("name", READING)
def test_a_missing_file_is_one_line(name: str, tmp_path: Path) -> None:
    """X10: what does not exist is named."""
    missing = str(tmp_path / "missing.ndjson")
    says_one_line(ended(tmp_path, *COMMANDS[name], missing), missing)


@pytest.mark.parametrize("name", READING)
def test_a_folder_is_one_line(name: str, tmp_path: Path) -> None:
    """X10: a folder in place of a file is named."""
    says_one_line(ended(tmp_path, *COMMANDS[name], str(tmp_path)), str(tmp_path))


@pytest.mark.parametrize("name", ["retract", "serve"])
def test_bytes_that_are_no_text_are_one_line(name: str, tmp_path: Path) -> None:
    """X1: a binary file is no list of ids, nor of tokens."""
    file = tmp_path / "bytes"
    file.write_bytes(bytes(range(256)))
    says_one_line(ended(tmp_path, *COMMANDS[name], str(file)), str(file))


@pytest.mark.parametrize("name", ["simulate", "export"])
def test_a_place_that_cannot_be_written_is_one_line(name: str, tmp_path: Path) -> None:
    """X10: a folder that does not exist cannot hold the output."""
    says_one_line(ended(tmp_path, *COMMANDS[name], str(tmp_path / "none" / "rows.csv")))


@pytest.mark.parametrize("name", FROM_ENVIRONMENT)
def test_a_setting_that_names_no_file_is_one_line(name: str, tmp_path: Path) -> None:
    """X10: secrets and certificates that are not there are named, and never waited for."""
    missing = {f"FLEETFOLD_{name}": str(tmp_path / "missing")}
    says_one_line(ended(tmp_path, "serve", "--port", "0", **missing), "missing")


def test_an_empty_list_of_ids_is_not_all_events(tmp_path: Path) -> None:
    """`retract --host H --event-ids FILE` with an empty file takes nothing back, least of all all of H."""
    file = tmp_path / "ids"
    file.write_text("\n")
    says_one_line(ended(tmp_path, *COMMANDS["retract"], str(file), "--host", "h"), "no event ids")
    file.write_text("no-uuid\n")
    says_one_line(ended(tmp_path, *COMMANDS["retract"], str(file)), "event_ids")
