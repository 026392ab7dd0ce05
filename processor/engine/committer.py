"""Commits the batches of all of a worker's sources, those that are ready in one transaction.

A transaction costs a worker and a broker much the same whatever it holds, and one fetch brings batches of
many partitions; what is folded while a commit is under way goes with the next.
"""

import asyncio
from collections.abc import Callable

from processor.engine.claims import claiming_producer
from processor.engine.config import EngineConfig
from processor.engine.transaction import Joint, Transaction

__all__ = ["GATHER_S", "Committer"]

GATHER_S = 0.05
"""How long a commit waits at most for batches that came with the same fetch to be folded, in seconds."""


class Committer:
    """Commits what is folded.

    Args:
        config: the engine's settings.
        name: the transactional id, which nobody else has.
        expects: says whether another batch is on its way to be folded.
    """

    def __init__(self, config: EngineConfig, name: str, expects: Callable[[], bool]) -> None:
        self.name = name
        self._producer = claiming_producer(config, name)
        self._expects = expects
        self._waiting: list[tuple[Transaction, asyncio.Future[None]]] = []
        self._folded = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect, and fence whoever had the same name."""
        await self._producer.start()

    async def stop(self) -> None:
        """Close the connections; call with no commit in flight, or to leave it to the next owner's fence."""
        await self._producer.stop()

    async def commit(self, transaction: Transaction) -> None:
        """Commit a batch, together with others; return once that is done.

        Raises:
            EngineError: the commit failed, its own or the one that it would have followed.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((transaction, done))
        self._folded.set()
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        await done

    async def _run(self) -> None:
        """Commit until nothing waits; after a failure nothing more is committed."""
        while self._waiting:
            await self._gather()
            group, self._waiting = self._waiting, []
            try:
                await self._producer.commit(Joint.of([transaction for transaction, _ in group]))
            except Exception as error:  # noqa: BLE001 -- not swallowed: whoever waits for these commits gets it
                left, self._waiting = self._waiting, []
                for _, done in (*group, *left):
                    done.set_exception(error)
                return
            for _, done in group:
                done.set_result(None)

    async def _gather(self) -> None:
        try:
            async with asyncio.timeout(GATHER_S):
                while self._expects():
                    self._folded.clear()
                    await self._folded.wait()
        except TimeoutError:
            pass  # what is late goes with the next transaction
