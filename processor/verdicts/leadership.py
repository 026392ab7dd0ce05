"""Which of several instances writes: the one to which the group gives the one partition of `verdicts`.

The group notices who is gone, silent or frozen, and gives the partition to another. Whoever gets it starts
the transactional producer, which shuts the one before out, whatever that one believes.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError

from processor.admin import kafka_trouble
from processor.rights import verdicts_id
from processor.settings import Settings
from schemas.topics import VERDICTS

__all__ = ["Leadership"]

logger = logging.getLogger(__name__)


class Leadership(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is read as Any
    """This instance's membership of the group.

    Args:
        settings: where Kafka is, and under which names.

    Attributes:
        leads: whether this instance is the one.
        term: counts how often it became so.
        writing: held while rows are written; leadership is not given up meanwhile.
    """

    def __init__(self, settings: Settings) -> None:
        self.leads = False
        self.term = 0
        self.writing = asyncio.Lock()
        self._topic = settings.topic(VERDICTS)
        self._options: dict[str, Any] = settings.kafka_options()
        self._settings = settings
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """Join the group.

        Raises:
            KafkaUnavailableError: no broker answers, or there is no right to the group.
        """
        consumer = self._consumer = AIOKafkaConsumer(
            **self._options,
            group_id=verdicts_id(self._settings),
            enable_auto_commit=False,
            session_timeout_ms=self._settings.session_timeout_s * 1000,
            heartbeat_interval_ms=self._settings.heartbeat_interval_s * 1000,
        )
        consumer.subscribe([self._topic], listener=self)
        try:
            await consumer.start()
        except KafkaError as error:
            await consumer.stop()
            raise kafka_trouble(error, self._options) from error

    async def stop(self) -> None:
        """Leave the group, so that another takes over at once."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def wait(self, seconds: float) -> None:
        """Wait, as a member that is alive; call after `start`.

        Raises:
            KafkaUnavailableError: the group cannot be coordinated; aiokafka tells it only to who fetches.
        """
        assert self._consumer is not None, "not started"  # noqa: S101 -- a bug of ours, not input
        try:
            await self._consumer.getmany(timeout_ms=round(seconds * 1000))
        except KafkaError as error:
            raise kafka_trouble(error, self._options) from error

    async def on_partitions_revoked(self, _revoked: Iterable[TopicPartition]) -> None:
        """Give up leading, once what is being written is written."""
        async with self.writing:
            self.leads = False

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Lead, if the partition is ours."""
        partitions = list(assigned)
        self.leads = bool(partitions)
        if partitions:
            self.term += 1
            assert self._consumer is not None, "not started"  # noqa: S101 -- who is called back has started
            self._consumer.pause(*partitions)  # the rows are read elsewhere
        else:
            logger.info("standing by: another instance writes the verdicts")
