"""What the guard guards ends with the parent, however that ends; a small program stands in for Java."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from processor.broker import BrokerFailedError
from processor.broker.folderlock import FileLock
from processor.broker.jvm import GuardedJvm
from tests.processes import is_gone, wait_until_gone

PATIENT = "import signal, time; print('up', flush=True)\nwhile True: signal.pause()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{PATIENT}"

# A parent that guards PATIENT with a scratch folder, says the two process ids, and waits. With `fork`,
# a forked child of it holds the guard's pipe open too.
PARENT = f"""
import os, signal, sys
from pathlib import Path
from processor.broker.folderlock import FileLock
from processor.broker.jvm import GuardedJvm

folder = Path(sys.argv[1])
lock = FileLock(folder / "lock")
lock.acquire(0)
jvm = GuardedJvm([sys.executable, "-c", {PATIENT!r}], folder / "log", lock.descriptor, folder / "scratch")
forked = os.fork() if sys.argv[2] == "fork" else 0
if sys.argv[2] == "fork" and forked == 0:
    signal.pause()
print(jvm.pid, forked, flush=True)
signal.pause()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[FileLock]:
    with FileLock(tmp_path / "lock") as held:
        assert held.acquire(0)
        yield held


def guarded(code: str, folder: Path, lock: FileLock) -> GuardedJvm:
    return GuardedJvm([sys.executable, "-c", code], folder / "log", lock.descriptor, None)


@pytest.mark.parametrize("wish", [b"s", b"k"])
def test_a_guarded_program_is_ended(tmp_path: Path, lock: FileLock, wish: bytes) -> None:
    """A stop and a kill both return when the program is gone; a second one does nothing."""
    jvm = guarded(PATIENT, tmp_path, lock)
    process = psutil.Process(jvm.pid)
    assert jvm.alive()
    jvm.end(wish)
    assert is_gone(process)
    assert not jvm.alive()
    jvm.end(wish)


def test_the_end_of_the_program_is_seen(tmp_path: Path, lock: FileLock) -> None:
    """A program that ends by itself is not alive, and its last words are in the log."""
    jvm = guarded("print('last words')", tmp_path, lock)
    assert jvm.wait() == 0
    assert not jvm.alive()
    jvm.end()
    assert (tmp_path / "log").read_text() == "last words\n"


def test_a_bad_end_is_told(tmp_path: Path, lock: FileLock) -> None:
    """A tool that failed is not taken for one that worked."""
    jvm = guarded("raise SystemExit(3)", tmp_path, lock)
    assert jvm.wait() == 1
    jvm.end()


def test_a_program_that_cannot_start_is_an_error(tmp_path: Path, lock: FileLock) -> None:
    """X10: a missing program is told at once, and the log says which."""
    with pytest.raises(BrokerFailedError, match="could not be started"):
        GuardedJvm([str(tmp_path / "nothing")], tmp_path / "log", lock.descriptor, None)
    assert "cannot start" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("how", ["alone", "fork"])
def test_a_killed_parent_takes_all_with_it(tmp_path: Path, how: str) -> None:
    """SIGKILL of the parent: the program ends, the scratch folder is gone, the lock is free."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-W", "ignore", "-c", PARENT, str(tmp_path), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid, forked = map(int, parent.stdout.readline().split())
        program = psutil.Process(pid)
        guard = program.parent()
        assert guard is not None
        parent.kill()
        wait_until_gone(program, guard)
        if forked:
            os.kill(forked, signal.SIGKILL)
    assert not scratch.exists()
    with FileLock(tmp_path / "lock") as lock:
        assert lock.acquire(20)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_killed_guard_takes_the_program_with_it(tmp_path: Path, lock: FileLock) -> None:
    """Even the guard's own SIGKILL leaves nothing behind."""
    jvm = guarded(PATIENT, tmp_path, lock)
    program = psutil.Process(jvm.pid)
    guard = program.parent()
    assert guard is not None
    guard.kill()
    wait_until_gone(program)
    jvm.end()


def test_a_program_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    """A JVM that hangs in its shutdown does not stay."""
    guard = Path(sys.modules[GuardedJvm.__module__].guard.__file__)
    arguments = [f"--parent={os.getpid()}", "--grace-s=0.1", "--", sys.executable, "-c", STUBBORN]
    command = [sys.executable, "-I", "-S", str(guard), *arguments]
    log = tmp_path / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        program = psutil.Process(int(process.stdout.readline()))
        process.stdin.close()
        assert process.wait(20) == 1
        assert is_gone(program)
