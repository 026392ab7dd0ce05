"""The JVM never outlives the process that wanted it: this small process stands between and sees to that.

Run by path (`python -I -S guard.py …`) with nothing but the standard library, so that it starts quickly.
Its standard input is a pipe from the parent, which the kernel closes when the parent ends, however it
ends. Then the JVM gets SIGTERM, and after a grace SIGKILL. What the parent writes:

- `k`: kill the JVM now (a test's crash); its data stays.
- `s`: stop it now; its data stays.
- nothing, and the pipe closes: stop it, and remove the scratch folder, if one is named.

What it prints: one line, the JVM's process id. It ends when the JVM has ended.
"""

import argparse
import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence

__all__ = ["main"]

_STDIN = 0
_PARENT_CHECK_S = 0.5  # a forked child of the parent may hold the pipe open: the parent's id tells then
_PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str]) -> int:
    """Run the JVM until it ends or the parent does.

    Args:
        arguments: `--parent PID --grace-s S [--remove DIR] [--keep-open FD] -- COMMAND…`

    Returns:
        0: the JVM has ended well; 1: it has not, or could not be started.
    """
    options = _parse(arguments)
    wake_fd = _wake_on_child_end()
    for quiet in (signal.SIGINT, signal.SIGHUP):
        signal.signal(quiet, signal.SIG_IGN)  # meant for the parent, which closes the pipe
    try:
        # The JVM inherits the lock on the data folder: while it lives, nobody else may write there.
        jvm = subprocess.Popen(  # noqa: S603  # the command comes from our parent
            options.command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            stderr=sys.stderr,
            pass_fds=options.keep_open,
            preexec_fn=_die_with_guard,  # noqa: PLW1509  # this process has one thread
        )
    except OSError as error:
        sys.stderr.write(f"cannot start {options.command[0]}: {error}\n")
        return 1
    sys.stdout.write(f"{jvm.pid}\n")
    sys.stdout.flush()
    wish = _wait(jvm, wake_fd, options.parent)
    _end(jvm, wish, options.grace_s)
    if not wish and options.remove:
        shutil.rmtree(options.remove, ignore_errors=True)  # nobody is left to tell
    return 0 if jvm.returncode == 0 else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--grace-s", type=float, required=True)
    parser.add_argument("--remove")
    parser.add_argument("--keep-open", type=int, action="append", default=[])
    parser.add_argument("command", nargs="+")
    return parser.parse_args(arguments)


def _wake_on_child_end() -> int:
    """Return a descriptor that is readable after a SIGCHLD or SIGTERM."""
    wake_fd, signal_fd = os.pipe()
    for end in (wake_fd, signal_fd):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(signal_fd, warn_on_full_buffer=False)
    for waking in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(waking, lambda _number, _frame: None)
    return wake_fd


def _wait(jvm: "subprocess.Popen[bytes]", wake_fd: int, parent: int) -> bytes:
    """Return what is wanted: b"k", b"s", or b"" when the parent is gone."""
    while True:
        readable, _, _ = select.select([_STDIN, wake_fd], [], [], _PARENT_CHECK_S)
        if _STDIN in readable:
            return os.read(_STDIN, 1)
        if wake_fd in readable and signal.SIGTERM in os.read(wake_fd, 64):
            return b"s"
        if jvm.poll() is not None:
            return b"s"  # the parent is there, and may want to look at the data
        if os.getppid() != parent:
            return b""


def _end(jvm: "subprocess.Popen[bytes]", wish: bytes, grace_s: float) -> None:
    if wish == b"k":
        jvm.kill()
    else:
        jvm.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            jvm.wait(grace_s)
    jvm.kill()
    jvm.wait()


def _die_with_guard() -> None:
    """On Linux, let the kernel kill the JVM when this guard itself is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
