"""Says which partitions are fetched: aiokafka by itself fetches ahead from all of them, all the time.

A fetch that finds too little waits at the broker, and is looked through again with each record that arrives
in any of its partitions: with many partitions that is most of what a broker does. Here a partition at a low
rate is asked for once between two ticks, so that a fetch mostly finds something at once.

Hook, held by tests/unit/test_engine_hooks.py: `Fetcher._get_actions_per_node`.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from aiokafka import TopicPartition

__all__ = ["FetchGate"]


class FetchGate:
    """Stands between a consumer and its fetches.

    Args:
        consumer: a started AIOKafkaConsumer.
        admits: whether a partition may be fetched from now.
        asked: told which partitions a fetch goes out for.
    """

    def __init__(
        self,
        consumer: Any,
        admits: Callable[[TopicPartition], bool],
        asked: Callable[[list[TopicPartition]], None],
    ) -> None:
        fetcher = consumer._fetcher  # noqa: SLF001 -- see above
        self._admits = admits
        self._asked = asked
        self._actions = fetcher._get_actions_per_node  # noqa: SLF001
        self._changed: asyncio.Future[None] | None = None
        fetcher._get_actions_per_node = self._admitted_actions  # noqa: SLF001

    def changed(self) -> None:
        """Look again at what may be fetched: call when a partition is admitted that was not."""
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    def _admitted_actions(self, assignment: Any) -> tuple[Any, ...]:
        """What aiokafka would do for those partitions, and one more thing to wait for: a change."""
        *actions, wake = self._actions(_Part(assignment, filter(self._admits, assignment.tps)))
        for _, request in actions[0]:
            self._asked([TopicPartition(topic, part[0]) for topic, parts in request.topics for part in parts])
        self._changed = asyncio.get_running_loop().create_future()
        return (*actions, [*wake, self._changed])


class _Part:
    """Some partitions of an assignment, as much of it as the fetcher reads."""

    def __init__(self, assignment: Any, partitions: Any) -> None:
        self.tps = list(partitions)
        self.state_value = assignment.state_value
