"""Each job in a process of its own: started, listened to, and never left behind."""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import psutil

from processor.broker.ports import free_port
from processor.settings import ENV_PREFIX, Settings

__all__ = ["FoldingJob", "JobFailedError", "cpu_seconds", "folding", "run_job", "worker"]

Figures = dict[str, Any]
LIMIT_S = 1800.0  # the slowest rival takes a tenth of it
READY_WITHIN_S = 120.0
_POLL_S = 0.1
_SETTINGS = ("bootstrap", "topic_prefix", "app_id", "partitions")


class JobFailedError(Exception):
    """A job ended without its figures; the message says which, and its last words."""


def run_job(module: str, *arguments: object) -> Figures:
    """Run a job to its end and return the figures that it prints last.

    Raises:
        JobFailedError: it printed none, its exit code says that it failed, or it did not end at all.
    """
    command = [sys.executable, "-m", f"tests.bench.{module}", *map(str, arguments)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired:
        raise JobFailedError(f"{module} did not end within {LIMIT_S:.0f} s") from None
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise JobFailedError(f"{module} ended with exit code {done.returncode}: {last}")
    figures: Figures = json.loads(lines[-1])
    return figures


class FoldingJob:
    """Fleetfold's own job while it runs.

    Args:
        process: with its standard input and output as pipes.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def folded(self) -> Figures:
        """Wait until all that is published is folded, and return the phase's figures.

        Raises:
            JobFailedError: the worker ended before.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise JobFailedError(f"the worker ended with exit code {self._process.wait()}")
        figures: Figures = json.loads(line)
        return figures

    def go_on(self) -> None:
        """Let it fold what was published since."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()


@contextlib.contextmanager
def folding(settings: Settings, **variables: str) -> Iterator[FoldingJob]:
    """Start Fleetfold's own job; at the end of the block it is stopped as an operator would stop it.

    Args:
        settings: which broker, topics and group.
        variables: further settings, by the end of their variable's name.

    Raises:
        JobFailedError: it did not end with exit code 0.
    """
    command = [sys.executable, "-m", "tests.bench.fleetfold_job"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=_environment(settings, variables),
    ) as process:
        try:
            yield FoldingJob(process)
            assert process.stdin is not None
            process.stdin.close()
            code = process.wait()
        finally:
            process.kill()
    if code:
        raise JobFailedError(f"the worker ended with exit code {code}")


@contextlib.contextmanager
def worker(settings: Settings) -> Iterator[int]:
    """Run `fleetfold worker`, ready, for as long as the block runs; its process id.

    Args:
        settings: which broker, topics and group.

    Raises:
        JobFailedError: it was not ready in time.
    """
    port = free_port()
    command = [sys.executable, "-m", "processor.cli.main", "worker"]
    environment = _environment(settings, {"METRICS_PORT": str(port), "LOG_LEVEL": "WARNING"})
    with subprocess.Popen(command, env=environment) as process:
        try:
            _wait_until_ready(process, port)
            yield process.pid
            process.terminate()
            process.wait()
        finally:
            process.kill()


def cpu_seconds(pid: int) -> float:
    """A process's CPU time so far."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _environment(settings: Settings, variables: Mapping[str, str]) -> dict[str, str]:
    chosen = {name: str(getattr(settings, name)) for name in _SETTINGS}
    named = {ENV_PREFIX + name.upper(): value for name, value in {**chosen, **variables}.items()}
    return {**os.environ, **named}


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline_s = time.monotonic() + READY_WITHIN_S
    while not _is_ready(port):
        if process.poll() is not None:
            raise JobFailedError(f"the worker ended with exit code {process.returncode}")
        if time.monotonic() > deadline_s:
            raise JobFailedError(f"the worker was not ready within {READY_WITHIN_S:.0f} s")
        time.sleep(_POLL_S)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
