"""Stands in for Faust's table manager: recovery as the engine does it, in a task of its own.

Hooks, each held by tests/unit/test_engine_hooks.py: the setting `TableManager`; `on_start`, `on_rebalance`,
`on_partitions_revoked`, `changelog_topics`, `wait_until_recovery_completed`; and what ends a restore:
`resume_partitions`, `seek`, `flow_control.resume`, `resume_flow`, `_fetcher.maybe_start`, `on_actives_ready`,
`on_standbys_ready`, `on_rebalance_end`.
"""

import asyncio
import contextlib
import logging
from typing import Any

import faust.tables.manager
from aiokafka import TopicPartition
from faust.types import TP

from processor.engine.claims import ClaimRefusedError

__all__ = ["BatchTableManager"]

logger = logging.getLogger(__name__)


class BatchTableManager(faust.tables.manager.TableManager):
    """Gives partitions to the tables after an assignment, and takes them away."""

    def __init__(self, app: Any, **kwargs: Any) -> None:
        super().__init__(app, **kwargs)
        self._take_over: asyncio.Task[None] | None = None
        self.restored = asyncio.Event()

    @property
    def changelog_topics(self) -> set[str]:
        """Empty: the group assigns sources only, and recovery reads the changelogs itself."""
        return set()

    async def on_start(self) -> None:
        """Tables are declared; nothing else to wait for."""
        self._tables_finalized.set()
        self._tables_registered.set()

    async def on_stop(self) -> None:
        """Stop fetching and restoring."""
        await self._cancel()
        await self.app._fetcher.stop()  # noqa: SLF001 -- Faust itself stops it here

    def on_partitions_revoked(self, revoked: set[TP]) -> None:  # noqa: ARG002 -- Faust's signature
        """A rebalance begins: a restore that is under way serves an assignment that is over."""
        self.app.engine.ownership.revoke()
        self.restored.clear()
        if self._take_over is not None:
            self._take_over.cancel()

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],  # noqa: ARG002 -- Faust's signature; the engine compares for itself
        newly_assigned: set[TP],  # noqa: ARG002
        generation_id: int = 0,  # noqa: ARG002
    ) -> None:
        """Start to restore; in a task, so that the group's heartbeat goes on."""
        await self._cancel()
        sources = {TopicPartition(*tp) for tp in assigned}
        self._take_over = asyncio.create_task(self._run(sources))

    async def wait_until_recovery_completed(self) -> bool:
        """Return False once the first assignment is restored, True if the worker stops before."""
        return bool(await self.wait_for_stopped(self.restored))

    async def _cancel(self) -> None:
        task, self._take_over = self._take_over, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self, sources: set[TopicPartition]) -> None:
        engine = self.app.engine
        try:
            positions = await engine.take_over(sources, list(self.values()))
            await self._resume(positions)
        except ClaimRefusedError as error:
            # The client hears it from its next heartbeat, rejoins, and we are called again.
            logger.info("this assignment is over before it was taken up: %s", error)
        except Exception as error:  # noqa: BLE001 -- not swallowed: it ends the worker, with this as the reason
            engine.fail(error)

    async def _resume(self, positions: dict[TopicPartition, int]) -> None:
        consumer = self.app.consumer
        tps = {TP(*source) for source in positions}
        for source, offset in positions.items():
            await consumer.seek(TP(*source), offset)
        consumer.resume_partitions(tps)
        self.app.flow_control.resume()
        self.app.engine.resume()
        consumer.resume_flow()
        await self.app._fetcher.maybe_start()  # noqa: SLF001 -- Faust itself starts it here
        self.on_actives_ready()
        self.on_standbys_ready()
        self.app.on_rebalance_end()
        self.restored.set()
