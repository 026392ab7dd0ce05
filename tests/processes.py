"""Other processes, as tests look at them. A zombie is gone: what is left of it is its parent's to collect."""

import threading
import time

import psutil

__all__ = ["is_gone", "wait_until_gone"]

_POLL_S = 0.01


def is_gone(process: psutil.Process) -> bool:
    """Return whether the process can do nothing any more."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_gone(*processes: psutil.Process, timeout_s: float = 20) -> None:
    """Return once all are gone.

    Raises:
        TimeoutError: one of them is not, in time.
    """
    deadline_s = time.monotonic() + timeout_s
    while not all(map(is_gone, processes)):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"still there: {[one for one in processes if not is_gone(one)]}")
        threading.Event().wait(_POLL_S)
