"""`fleetfold broker` as a person, a script and a supervisor meet it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from processor.broker.ports import LOOPBACK
from tests.processes import wait_until_gone

pytestmark = pytest.mark.kafka


@contextmanager
def command(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run `fleetfold broker` in a folder, with no other program on the PATH; end it if the test has not."""
    process = subprocess.Popen(
        [sys.executable, "-m", "processor.cli.main", "broker", *arguments],
        cwd=folder,
        env={**os.environ, "PATH": str(folder), "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well(tmp_path: Path, asked: signal.Signals) -> None:
    """S14's like: exit code 0, Java gone, and the last line says where the data lies."""
    with command(tmp_path, "--port", "0", "--json") as process:
        ready = json.loads(first_line(process))
        java = psutil.Process(ready["pid"])
        process.send_signal(asked)
        output, errors = process.communicate()
    assert (process.returncode, output) == (0, "")
    assert ready["data_dir"] == str(tmp_path / ".fleetfold" / "kafka")
    assert f"its data lies in {ready['data_dir']}" in errors
    wait_until_gone(java)


def test_a_person_is_told_what_to_export(tmp_path: Path) -> None:
    """The address stands there ready to paste, and a client can connect to it."""
    with command(tmp_path, "--port", "0", "--data-dir", "kept") as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(5)]
        address = said[2].strip().removeprefix("export FLEETFOLD_BOOTSTRAP=")
        host, _, port = address.partition(":")
        with socket.create_connection((host, int(port))):
            pass
        process.terminate()
        process.communicate()
    assert said[0] == f"Kafka is ready on {address}; its data lies in {tmp_path / 'kept'}\n"
    assert said[4] == "Ctrl-C stops it.\n"


def test_java_never_outlives_the_command(tmp_path: Path) -> None:
    """SIGKILL of the command: Java is gone soon after, and the data folder serves the next one."""
    with command(tmp_path, "--port", "0", "--json") as process:
        first = json.loads(first_line(process))
        java = psutil.Process(first["pid"])
        process.kill()
        process.communicate()
    wait_until_gone(java)
    with command(tmp_path, "--port", "0", "--json") as process:
        second = json.loads(first_line(process))
        process.terminate()
        process.communicate()
    assert second["cluster_id"] == first["cluster_id"]


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    """X10: exit code 2, the port, and what to do."""
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with command(tmp_path, "--port", str(port)) as process:
            output, errors = process.communicate()
    assert (process.returncode, output) == (2, "")
    assert f"port {port} on {LOOPBACK} is taken by another program; choose one with --port" in errors


def test_java_dying_ends_the_command(tmp_path: Path) -> None:
    """X10: a supervisor sees exit code 2, a person the end of Kafka's log."""
    with command(tmp_path, "--port", "0", "--json") as process:
        psutil.Process(json.loads(first_line(process))["pid"]).kill()
        _, errors = process.communicate()
    assert process.returncode == 2
    assert "Kafka ended by itself" in errors
    assert "Kafka Server started" in errors
