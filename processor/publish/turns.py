"""Of all processes that share a spool only one sends at a time, and the spool goes first.

So the events that may have reached Kafka without an answer are always the last that their host sent, at
most 32 of them, and are the first to be sent again: a resend meets the ring of the host's last event ids
whatever happens in between, a crash of the sender included. The kernel gives the lock back when its holder
dies.
"""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

__all__ = ["turn"]

_POLL_S = 0.01


@asynccontextmanager
async def turn(
    spool: Path, wait_s: float, hurried: Callable[[], bool] = lambda: False
) -> AsyncIterator[bool]:
    """Wait for the turn to send, and keep it for the length of the block.

    Args:
        spool: the spool's path; the lock is a file beside it.
        wait_s: how long to wait.
        hurried: whether not to wait any longer, asked again and again.

    Yields:
        Whether it is our turn; if not, others send for longer than that, or hold up.

    Raises:
        OSError: the folder cannot be used.
    """
    spool.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(spool.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield await _locked(descriptor, time.monotonic() + wait_s, hurried)
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # a child that was forked meanwhile has the descriptor too
        os.close(descriptor)


async def _locked(descriptor: int, until_s: float, hurried: Callable[[], bool]) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until_s or hurried():
                return False
            await asyncio.sleep(_POLL_S)
        else:
            return True
