"""A transactional producer that commits batches: its transactional id is the fence.

Whoever starts a producer with the same id ends what this one had in hand and shuts it out.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalOperation, KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import OffsetAndMetadata

from processor.engine.config import EngineConfig
from processor.engine.errors import EngineError, engine_error, is_refusal
from processor.engine.transaction import Joint, Output

__all__ = ["FencedProducer"]

# What a record batch of one record costs above its key and value: batch header 61, record fields <= 21 each
# way. Kept generous: the limit is a safety margin, not an accounting.
RECORD_OVERHEAD_BYTES = 512


class FencedProducer:
    """Commits batches under one fence.

    Args:
        config: the engine's settings.
        name: the transactional id.
        metadata: stands beside the group's offsets.
    """

    def __init__(self, config: EngineConfig, name: str, metadata: str = "") -> None:
        self._config = config
        self._name = name
        self._metadata = metadata
        self._producer = self._make()
        self._asked_again = False

    def _make(self) -> AIOKafkaProducer:
        config = self._config
        producer = AIOKafkaProducer(
            transactional_id=self._name,
            transaction_timeout_ms=config.transaction_timeout_ms,
            max_batch_size=config.max_record_bytes - RECORD_OVERHEAD_BYTES,
            **config.clients(),
        )
        send = producer.client.send

        async def watched(*args: Any, **kwargs: Any) -> Any:
            try:
                return await send(*args, **kwargs)
            except KafkaError:
                self._asked_again = True  # aiokafka sends it once more
                raise

        producer.client.send = watched
        return producer

    async def start(self) -> None:
        """Fence every earlier owner; a transaction that it left open is aborted by the broker."""
        await self._producer.start()

    async def stop(self) -> None:
        """Close the connections; a transaction in hand is left to the next owner's fence."""
        await self._producer.stop()

    async def commit(self, transaction: Joint) -> None:
        """Write batches' outputs, their checkpoints and the group's offsets, all or nothing.

        Raises:
            EngineError: it failed or took too long; whether it was committed, the next owner will see.
        """
        where = ", ".join(
            f"{source.topic}[{source.partition}] up to offset {offset}"
            for source, offset in transaction.offsets.items()
        )
        try:
            async with asyncio.timeout(self._config.commit_timeout_s):
                await self._commit(transaction)
        except TimeoutError as error:
            limit_s = self._config.commit_timeout_s
            raise EngineError(f"committing {where} took longer than {limit_s:g} s") from error
        except (KafkaError, IllegalOperation) as error:  # the second: fenced between two sends
            raise engine_error(f"committing {where} failed: {type(error).__name__}", error) from error

    async def _renew(self) -> None:
        """Start the producer anew, which shuts out what the old one sent.

        A request that got no answer is sent again, and its first copy may still be on its way. An end of the
        last transaction that comes in the middle of this one would commit half of it.
        """
        await self._producer.stop()
        self._asked_again = False
        self._producer = self._make()
        await self._producer.start()

    async def _commit(self, transaction: Joint) -> None:
        if self._asked_again:
            await self._renew()
        transaction.add_checkpoints(self._config.checkpoints_topic)
        producer = self._producer
        await producer.begin_transaction()
        sends: list[Any] = []
        cut_off: list[BaseException] = []
        try:
            for target, outputs in transaction.outputs.items():
                for builder in self._pack(target, outputs):
                    sent = await producer.send_batch(builder, target.topic, partition=target.partition)
                    sends.append(sent)
        except IllegalOperation as error:  # one of those before was refused already, and that is the reason
            cut_off.append(error)
        # Awaited before the offsets are sent: a broker that verifies the transaction while a produce request
        # is in flight answers NOT_ENOUGH_REPLICAS, and the retry costs 100 ms.
        results = await asyncio.gather(*sends, return_exceptions=True)
        errors = [result for result in [*results, *cut_off] if isinstance(result, BaseException)]
        if errors:  # where one topic must not be written, the others fail for that alone: the reason first
            raise min(errors, key=lambda error: not is_refusal(error))
        metadata = self._metadata
        offsets = {
            source: OffsetAndMetadata(offset, metadata) for source, offset in transaction.offsets.items()
        }
        await producer.send_offsets_to_transaction(offsets, self._config.app_id)
        await producer.commit_transaction()

    def _pack(self, target: TopicPartition, outputs: Sequence[Output]) -> list[BatchBuilder]:
        limit = self._config.max_record_bytes - RECORD_OVERHEAD_BYTES
        builder = self._producer.create_batch()
        builders = [builder]
        for key, value, headers, timestamp_ms in outputs:
            if builder.append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is not None:
                continue
            builder = self._producer.create_batch()
            builders.append(builder)
            builder.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)
        for builder in builders:
            # A builder takes any first record, however large, and the broker would refuse it for ever.
            if builder.size() > limit + RECORD_OVERHEAD_BYTES // 2:
                raise EngineError(
                    f"a record for {target.topic}[{target.partition}] takes {builder.size()} bytes, "
                    f"over max.message.bytes ({self._config.max_record_bytes})",
                )
            builder.close()
        return builders
