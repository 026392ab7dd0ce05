"""Writes rows of `verdicts`, all or none of a batch; the transactional id shuts everybody else out."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, KafkaError, ProducerFenced

from processor.admin import kafka_trouble
from processor.errors import FleetfoldError
from processor.fenced import Record, send_all
from processor.rights import verdicts_id
from processor.settings import Settings
from schemas.topics import VERDICTS
from schemas.verdicts import ComponentVerdicts

__all__ = ["FencedError", "Writer"]

_PARTITION = 0


class FencedError(FleetfoldError):
    """Another instance took over: this one must not write any more."""

    exit_code = 1


class Writer:
    """The producer of the one who leads.

    Args:
        settings: where Kafka is, and under which names.
    """

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic(VERDICTS)
        self._timeout_s = settings.transaction_timeout_s
        self._options: dict[str, Any] = settings.kafka_options()
        self._producer = AIOKafkaProducer(
            transactional_id=verdicts_id(settings),
            transaction_timeout_ms=settings.transaction_timeout_s * 1000,
            max_request_size=settings.max_message_bytes,
            **self._options,
        )

    async def start(self) -> None:
        """Shut every earlier writer out; what it had in hand is aborted.

        Raises:
            KafkaUnavailableError: no broker answers, or there is no right to the id.
        """
        try:
            await self._producer.start()
        except KafkaError as error:
            await self._producer.stop()
            raise kafka_trouble(error, self._options) from error

    async def stop(self) -> None:
        """Close the connections."""
        await self._producer.stop()

    async def write(self, rows: Mapping[str, ComponentVerdicts | None]) -> None:
        """Write rows, and tombstones for None, in one transaction.

        Raises:
            FencedError: another instance leads now.
            KafkaUnavailableError: it failed or took too long; whether it was committed, the topic will tell.
        """
        records = [
            Record(
                self._topic,
                _PARTITION,
                component_id.encode(),
                None if row is None else row.model_dump_json().encode(),
            )
            for component_id, row in rows.items()
        ]
        try:
            async with asyncio.timeout(self._timeout_s), self._producer.transaction():
                await send_all(self._producer, records)
        except (ProducerFenced, IllegalOperation) as error:
            raise FencedError("another instance writes the verdicts now: this one gives up") from error
        except (KafkaError, TimeoutError) as error:
            raise kafka_trouble(error, self._options) from error
