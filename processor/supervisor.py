"""Keeps worker processes running: restarts the dead, hands a stop on, and leaves none behind.

Each worker has a pipe to the supervisor on its standard input, which the kernel closes when the supervisor
ends, however it ends (see cli/tethered.py). Each logs JSON to its standard error; the supervisor adds the
worker's number. What follows a death is decided by restarts.py.
"""

import asyncio
import logging
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from processor.logs import message_of
from processor.restarts import GiveUp, Limits, Restarts

__all__ = ["Supervisor", "workers_by_default"]

logger = logging.getLogger(__name__)

STOP_LIMIT_S = 9.5  # a worker cuts itself off after 9 s; who stops us commonly waits for 10 s
LINE_BYTES_MAX = 1 << 20
_ASKED_TO_STOP = {0, -signal.SIGTERM}  # by the signal itself: it came before the worker could listen


def workers_by_default(partitions: int) -> int:
    """Return one worker per core, but no more than there are partitions to work on."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(cores, partitions)


class Supervisor:
    """Some workers, numbered from 1.

    Args:
        command: returns the command line of the worker with a number.
        processes: how many.
        limits: when to give up.
        show: takes a worker's line and its number.
        stop_limit_s: how long the workers may take to stop, before they are killed.
        environment: variables of the workers, beside our own.
    """

    def __init__(
        self,
        command: Callable[[int], Sequence[str]],
        processes: int,
        limits: Limits,
        show: Callable[[str, int], None],
        stop_limit_s: float = STOP_LIMIT_S,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = command
        self._numbers = range(1, processes + 1)
        self._restarts = Restarts(limits, random.random)
        self._show = show
        self._stop_limit_s = stop_limit_s
        self._environment = os.environ | dict(environment or {})
        self._children: dict[int, Process] = {}
        self._stopping = asyncio.Event()
        self._code = 0

    async def run(self) -> int:
        """Run until SIGTERM, SIGINT or a reason to give up; then stop all workers.

        Returns:
            The exit code: 0 if all ended well after a signal.
        """
        loop = asyncio.get_running_loop()
        for asked in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(asked, self._stopping.set)
        logger.info("supervising", extra={"workers": len(self._numbers)})
        keepers = [asyncio.create_task(self._keep(number)) for number in self._numbers]
        stop = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((stop, *keepers), return_when=asyncio.FIRST_COMPLETED)
        self._stopping.set()
        self._signal_all(signal.SIGTERM)
        await asyncio.wait(keepers, timeout=self._stop_limit_s)
        for number in self._children:
            logger.error("a worker does not stop and is killed", extra={"worker": number})
        self._signal_all(signal.SIGKILL)
        await asyncio.gather(*keepers, stop)
        logger.info("stopped", extra={"code": self._code})
        return self._code

    def stop(self) -> None:
        """Stop all workers, and let `run` return; what they do meanwhile is committed."""
        self._stopping.set()

    async def _keep(self, number: int) -> None:
        """Start a worker, and again after each death, until all are to stop."""
        while not self._stopping.is_set():
            code, last_words = await self._live(number)
            if self._stopping.is_set():
                self._note_end(number, code)
                return
            now_s = asyncio.get_running_loop().time()
            decision = self._restarts.on_death(number, code, now_s)
            if isinstance(decision, GiveUp):
                self._give_up(decision, last_words)
                return
            extra = {"worker": number, "code": code, "pause_s": round(decision.pause_s, 2)}
            logger.warning("a worker ended; it is started again", extra=extra)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), decision.pause_s)

    async def _live(self, number: int) -> tuple[int, str]:
        """Start a worker; return its exit code and the last trouble that it told of, or ""."""
        child = await asyncio.create_subprocess_exec(
            *self._command(number),
            stdin=PIPE,
            stderr=PIPE,
            limit=LINE_BYTES_MAX,
            env=self._environment,
            start_new_session=True,  # Ctrl-C is for the supervisor, which hands it on
        )
        self._children[number] = child
        logger.info("started a worker", extra={"worker": number, "pid": child.pid})
        if self._stopping.is_set():
            _signal(child, signal.SIGTERM)
        last_words = await self._relay(child, number)
        code = await child.wait()
        del self._children[number]
        return code, last_words

    async def _relay(self, child: Process, number: int) -> str:
        """Show what a worker says until it ends; return the last trouble that it told of."""
        assert child.stderr is not None  # noqa: S101  # it is a pipe
        last_words = ""
        while raw := await _line_of(child.stderr):
            line = raw.decode(errors="backslashreplace").rstrip("\n")
            last_words = message_of(line) or last_words
            self._show(line, number)
        return last_words

    def _note_end(self, number: int, code: int) -> None:
        if code not in _ASKED_TO_STOP:
            logger.error("a worker did not stop as it should", extra={"worker": number, "code": code})
            self._code = self._code or 1

    def _give_up(self, decision: GiveUp, last_words: str) -> None:
        if not self._stopping.is_set():
            self._code = decision.code
            logger.error("giving up: %s%s", decision.why, f": {last_words}" if last_words else "")
        self._stopping.set()

    def _signal_all(self, number: signal.Signals) -> None:
        for child in self._children.values():
            _signal(child, number)


def _signal(child: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        child.send_signal(number)


async def _line_of(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readline()
    except ValueError:
        return b"(a line of more than %d bytes is left out)\n" % LINE_BYTES_MAX
