"""A lane commits the batches of all sources of one partition number, those that are ready in one transaction.

The group assigns the partitions of one number together (`Ownership.plan` refuses anything else), so they have
one owner, one transactional id and one fence. A transaction costs a worker and a broker much the same
whatever it holds; what one fetch brought for a number is committed in one.
"""

import asyncio
from collections.abc import Callable

from processor.engine.config import EngineConfig
from processor.engine.producers import PartitionProducer, transactional_id
from processor.engine.transaction import Joint, Transaction

__all__ = ["GATHER_S", "Lane"]

GATHER_S = 0.05
"""How long a commit waits at most for batches that came with the same fetch to be folded, in seconds."""


class Lane:
    """Commits what is folded of one partition number.

    Args:
        config: the engine's settings.
        number: the partition number.
        expects: says whether another batch of this number is on its way to be folded.
        topic: the source, if it has lanes of its own (`EngineConfig.apart`).
    """

    def __init__(
        self, config: EngineConfig, number: int, expects: Callable[[], bool], topic: str = ""
    ) -> None:
        self._producer = PartitionProducer(config, transactional_id(config.app_id, number, topic))
        self._expects = expects
        self._waiting: list[tuple[Transaction, asyncio.Future[None]]] = []
        self._folded = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Fence every earlier owner."""
        await self._producer.start()

    async def stop(self) -> None:
        """Close the connections; call with no commit in flight, or to leave it to the next owner's fence."""
        await self._producer.stop()

    async def commit(self, transaction: Transaction) -> None:
        """Commit a batch, together with others of its number; return once that is done.

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
