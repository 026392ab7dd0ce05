"""Waiting for a condition: the one place where a test may sleep."""

import asyncio
from collections.abc import Awaitable, Callable

__all__ = ["eventually"]


async def eventually(condition: Callable[[], Awaitable[bool]], timeout_s: float = 60) -> None:
    """Return once the condition holds.

    Raises:
        TimeoutError: it did not, in time.
    """
    async with asyncio.timeout(timeout_s):
        while not await condition():  # noqa: ASYNC110 -- what is waited for happens in another process
            await asyncio.sleep(0.1)
