"""The supervisor's handling of processes, with children that are a line of Python each."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence

import psutil
import pytest

from processor.restarts import Limits
from processor.supervisor import Supervisor
from tests.processes import is_gone
from tests.waiting import eventually

SAYS_READY = "import signal, sys; print('ready', file=sys.stderr, flush=True); "
LISTENS = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); "
STOPS_WHEN_ASKED = LISTENS + SAYS_READY + "signal.sigwait([signal.SIGTERM])"
NEVER_STOPS = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SAYS_READY + "signal.pause()"
PROGRAMS: set[str] = set()
QUICK = Limits(deaths=3, window_s=60, pause_first_s=0.01)


class Run:
    """A supervisor in this process, and what its children said."""

    def __init__(self, *programs: str, limits: Limits = QUICK, stop_limit_s: float = 8) -> None:
        self.said: list[tuple[int, str]] = []
        self.starts = 0
        self._programs = programs
        PROGRAMS.update(programs)
        self._supervisor = Supervisor(
            self._command,
            len(programs),
            limits,
            lambda line, number: self.said.append((number, line)),
            stop_limit_s,
        )

    def _command(self, number: int) -> Sequence[str]:
        self.starts += 1
        return [sys.executable, "-S", "-c", self._programs[number - 1]]

    async def to_end(self) -> int:
        """Run until it ends by itself."""
        return await self._supervisor.run()

    async def until_stopped(self, lines: int) -> int:
        """Run until so many lines were said, then send ourselves SIGTERM."""
        running = asyncio.create_task(self._supervisor.run())

        async def enough() -> bool:
            return len(self.said) >= lines

        await eventually(enough, 20)
        os.kill(os.getpid(), signal.SIGTERM)
        return await running


def children() -> list[psutil.Process]:
    """The supervised programs that still run; a broker of other tests is a child, and none of them."""
    running = [child for child in psutil.Process().children() if not is_gone(child)]
    return [child for child in running if any(program in child.cmdline() for program in PROGRAMS)]


async def test_sigterm_is_handed_on() -> None:
    """S14: every child is asked to stop, and all that stopped well is exit code 0."""
    run = Run(STOPS_WHEN_ASKED, STOPS_WHEN_ASKED)
    assert await run.until_stopped(2) == 0
    assert sorted(run.said) == [(1, "ready"), (2, "ready")]
    assert children() == []


async def test_a_child_that_was_not_listening_yet_has_stopped_well() -> None:
    """S14: SIGTERM itself ends a child that is still starting; nothing was in its hands."""
    assert await Run(SAYS_READY + "signal.pause()").until_stopped(1) == 0


async def test_what_does_not_stop_is_killed() -> None:
    """A child that ignores SIGTERM is killed in time, and the exit code tells."""
    assert await Run(NEVER_STOPS, STOPS_WHEN_ASKED, stop_limit_s=0.5).until_stopped(2) == 1
    assert children() == []


async def test_a_stop_that_fails_is_told_by_the_exit_code() -> None:
    """S14: a worker that could not finish what it had in hand is not reported as a clean stop."""
    assert await Run(STOPS_WHEN_ASKED + "; sys.exit(1)").until_stopped(1) == 1


async def test_a_final_exit_code_stops_all(caplog: pytest.LogCaptureFixture) -> None:
    """X8: exit code 3 of one worker ends the others, is passed on, and its last words are repeated."""
    words = json.dumps({"event": "too many dead letters", "level": "error"})
    run = Run(f"import sys; print({words!r}, file=sys.stderr); sys.exit(3)", STOPS_WHEN_ASKED)
    assert await run.to_end() == 3
    assert run.starts == 2
    assert "ended with code 3" in caplog.text
    assert "too many dead letters" in caplog.text
    assert children() == []


async def test_quick_deaths_end_all() -> None:
    """Three deaths within the window are enough: it gives up with exit code 1, and not before."""
    run = Run("import os; os.kill(os.getpid(), 9)", STOPS_WHEN_ASKED)
    assert await run.to_end() == 1
    assert run.starts == 4
    assert children() == []


async def test_a_very_long_line_stops_nothing() -> None:
    """A child that writes more than a line's worth is still read to its end."""
    long_line = "import sys; sys.stderr.write('x' * 3_000_000 + '\\n'); "
    run = Run(long_line + STOPS_WHEN_ASKED)
    assert await run.until_stopped(2) == 0
    assert run.said[-1] == (1, "ready")
    assert any("left out" in line for _, line in run.said)
