"""The demo's worker is the real one, in a process of its own, and never outlives the demo.

When it dies, the demo says so with the end of its log, instead of waiting for results that cannot come.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from processor.errors import FleetfoldError
from processor.settings import ENV_PREFIX, Settings

__all__ = ["WorkerDiedError", "WorkerProcess", "running_worker"]

_STOP_WITHIN_S = 12.0  # a worker commits what it has in hand and leaves within 10 s
_TAIL_LINES = 15


class WorkerDiedError(FleetfoldError):
    """The worker ended before the demo did."""


class WorkerProcess:
    """A worker that runs.

    Args:
        process: its process.
        log: the file that holds what it says.
    """

    def __init__(self, process: Process, log: Path) -> None:
        self._process = process
        self.log = log

    def check(self) -> None:
        """Return if the worker lives.

        Raises:
            WorkerDiedError: it ended; the text holds the last lines of its log.
        """
        code = self._process.returncode
        if code is None:
            return
        with self.log.open(encoding="utf-8", errors="replace") as lines:
            tail = "".join(f"  {line}" for line in deque(lines, _TAIL_LINES)).rstrip()
        raise WorkerDiedError(f"the worker ended with code {code}; the end of {self.log}:\n{tail}")

    async def stop(self) -> None:
        """Ask the worker to leave, and make it after a while."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _STOP_WITHIN_S)
                return


@asynccontextmanager
async def running_worker(settings: Settings, log: Path) -> AsyncIterator[WorkerProcess]:
    """Start `fleetfold worker` with these settings, yield it, and stop it.

    Args:
        settings: where it works; handed over in its environment.
        log: the file to write what it says to.
    """
    told = settings.model_dump(exclude_none=True)
    given = {f"{ENV_PREFIX}{name.upper()}": str(value) for name, value in told.items()}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "processor.cli.tethered",
            "worker",
            env={**os.environ, **given},
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the demo, which stops the worker before the broker
        )
    worker = WorkerProcess(process, log)
    try:
        yield worker
    finally:
        await worker.stop()
