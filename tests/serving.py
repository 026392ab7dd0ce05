"""`fleetfold serve` as a process of its own, with what a test asks of it."""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp

from processor.settings import Settings
from tests.waiting import eventually

__all__ = ["Service"]

_WHERE = re.compile(r"serving on (http://[^\s\x1b]+)")


class Service:
    """One service.

    Args:
        settings: where it reads.
        log: where its output goes.
        arguments: of the command line, beside the port.
        environment: further variables.
    """

    def __init__(self, settings: Settings, log: Path, *arguments: str, **environment: str) -> None:
        self._log = log
        told = {
            "FLEETFOLD_BOOTSTRAP": settings.bootstrap,
            "FLEETFOLD_TOPIC_PREFIX": settings.topic_prefix,
            "FLEETFOLD_REQUEST_TIMEOUT_S": str(settings.request_timeout_s),
        }
        command = [sys.executable, "-m", "processor.cli.main", "serve", "--port", "0", *arguments]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, env=os.environ | told | environment, stdout=output, stderr=subprocess.STDOUT
            )
        self.url = ""

    async def ready(self) -> "Service":
        """Return once it answers; raises if it ends before."""

        async def is_ready() -> bool:
            assert self.process.poll() is None, self.output()
            found = _WHERE.search(self.output())
            if not found:
                return False
            self.url = found[1]
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/readyz") as answer:
                return answer.status == 200

        await eventually(is_ready)
        return self

    def output(self) -> str:
        """What it has printed so far."""
        return self._log.read_text()

    async def json(self, path: str, **how: Any) -> Any:
        """Ask with GET and return the decoded answer."""
        async with aiohttp.ClientSession() as session, session.get(self.url + path, **how) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json(content_type=None)

    async def stop(self) -> int:
        """Stop it as a supervisor would, and return its exit code."""
        self.process.terminate()
        return await asyncio.to_thread(self.process.wait, 15)

    @contextlib.contextmanager
    def gone_at_the_end(self) -> Iterator["Service"]:
        """Leave no process behind, whatever the test does."""
        try:
            yield self
        finally:
            self.process.kill()
            self.process.wait()
