"""One holder at a time, and the lock dies with its holders: the kernel lets go when the last one ends.

The lock is on the open file. A child that inherits the descriptor holds it too, so a data folder stays
locked until the last process that could write there is gone, however it went.
"""

import fcntl
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["FileLock"]

_RETRY_S = 0.05


class FileLock:
    """An exclusive lock on a file; the file itself stays where it is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def descriptor(self) -> int:
        """The open file, to hand to a child that shall hold the lock too."""
        if self._descriptor is None:
            raise RuntimeError(f"{self._path} is not locked")
        return self._descriptor

    def acquire(self, timeout_s: float, cancel: threading.Event | None = None) -> bool:
        """Take the lock.

        Args:
            timeout_s: how long to wait for another holder.
            cancel: gives up at once when set.

        Returns:
            False when another process still holds it, or `cancel` was set.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline_s = time.monotonic() + timeout_s
        waiting = cancel or threading.Event()
        try:
            while not _try(descriptor):
                if time.monotonic() >= deadline_s or waiting.wait(_RETRY_S):
                    os.close(descriptor)
                    return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let go; does nothing when not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
