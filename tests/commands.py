"""The command line as other programs meet it: a process with its environment, and all that it printed."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from tests.waiting import eventually

__all__ = ["CommandLine", "Ended"]

_COMMAND = [sys.executable, "-m", "processor.cli.main"]
_LIMIT_S = 120


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, standard output, standard error."""

    code: int
    out: str
    err: str


@dataclass
class CommandLine:
    """Runs `fleetfold` as one user.

    Attributes:
        settings: by name, as `load_settings` takes them.
        environment: further variables.
        printed: all that its commands have printed so far.
    """

    settings: Mapping[str, object]
    environment: Mapping[str, str] = field(default_factory=dict)
    printed: list[str] = field(default_factory=list)

    def variables(self) -> dict[str, str]:
        """The environment of its commands."""
        told = {f"FLEETFOLD_{name.upper()}": str(value) for name, value in self.settings.items()}
        return os.environ | told | dict(self.environment)

    async def run(self, *arguments: str, lines: str = "") -> Ended:
        """Run a command to its end."""
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            *arguments,
            env=self.variables(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_LIMIT_S):
                out, err = (text.decode() for text in await process.communicate(lines.encode()))
        finally:
            if process.returncode is None:
                process.kill()
        self.printed += [out, err]
        assert process.returncode is not None
        return Ended(process.returncode, out, err)

    async def works(self, *arguments: str, lines: str = "") -> str:
        """Run a command that must end with 0; returns its standard output."""
        ended = await self.run(*arguments, lines=lines)
        assert ended.code == 0, (arguments, ended)
        return ended.out

    @contextlib.asynccontextmanager
    async def running(self, *arguments: str, ready: str) -> AsyncIterator[re.Match[str]]:
        """Run a command for as long as the block does, from when it prints `ready` (a pattern) on.

        It must end well on SIGTERM.
        """
        process = await asyncio.create_subprocess_exec(
            *_COMMAND, *arguments, env=self.variables(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdout is not None
        said: list[str] = []

        async def listen(stream: asyncio.StreamReader) -> None:
            while line := await stream.readline():
                said.append(line.decode())

        async def is_ready() -> bool:
            assert process.returncode is None, said
            return re.search(ready, "".join(said)) is not None

        listening = asyncio.create_task(listen(process.stdout))
        try:
            await eventually(is_ready)
            found = re.search(ready, "".join(said))
            assert found is not None
            yield found
            process.terminate()
            # uvicorn ends its process by the signal itself, once everything is closed
            assert await asyncio.wait_for(process.wait(), 20) in {0, -signal.SIGTERM}, said
        finally:
            if process.returncode is None:
                process.kill()
            await listening
            self.printed += said
