"""How events become waves and batches; the broker here is one that acknowledges when it is told to."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder

from processor.publish.encoding import EncodedEvent
from processor.publish.publisher import HOST_UNACKNOWLEDGED_MAX, EventPublisher, PublishError

PARTITIONS = 4


class Batch(BatchBuilder):  # type: ignore[misc]  # aiokafka is read as Any
    """A batch that remembers what was appended to it."""

    def __init__(self) -> None:
        super().__init__(64 * 1024, 0)
        self.events: list[EncodedEvent] = []

    def append(self, *, timestamp: int, key: bytes, value: bytes, headers: Any = None) -> Any:
        taken = super().append(timestamp=timestamp, key=key, value=value, headers=headers)
        if taken is not None:
            self.events.append(EncodedEvent(key, value))
        return taken


class Producer:
    """Acknowledges a batch one turn of the loop after it was sent, or refuses it."""

    def __init__(self, refuse_after: int | None = None) -> None:
        self.sent: list[tuple[int, EncodedEvent]] = []
        self.most_on_way = 0
        self._on_way: Counter[bytes] = Counter()
        self._refuse_after = refuse_after

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> "asyncio.Future[None]":
        assert (topic, batch.closed()) == ("events", True)
        self._on_way.update(event.host for event in batch.events)
        self.most_on_way = max(self.most_on_way, *self._on_way.values())
        self.sent += [(partition, event) for event in batch.events]
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(self._answer, batch, future)
        return future

    def _answer(self, batch: Batch, future: "asyncio.Future[None]") -> None:
        self._on_way.subtract(event.host for event in batch.events)
        if self._refuse_after is not None and len(self.sent) > self._refuse_after:
            future.set_exception(KafkaTimeoutError())
        else:
            future.set_result(None)


def publisher(producer: Producer) -> EventPublisher:
    return EventPublisher(producer, "events", PARTITIONS, "cluster", "somewhere:9092")


def events(hosts: int, each: int, size: int = 10) -> list[EncodedEvent]:
    names = [f"host-{number}".encode() for number in range(hosts)]
    return [EncodedEvent(name, b"%04d" % number + b"x" * size) for number in range(each) for name in names]


@pytest.mark.parametrize(("hosts", "each"), [(1, 100), (3, 32), (3, 33), (700, 40)])
async def test_at_most_32_of_a_host_on_their_way(hosts: int, each: int) -> None:
    """S4: a host never has more unacknowledged events than half of its ring of event ids."""
    producer, acknowledged = Producer(), list[int]()
    sent = await publisher(producer).send_encoded(events(hosts, each), acknowledged.append)
    assert sent == sum(acknowledged) == hosts * each
    assert producer.most_on_way <= HOST_UNACKNOWLEDGED_MAX


async def test_order_and_partition_of_a_host() -> None:
    """S12: a host's events go to the default partition of its id, in their order, over batches and waves."""
    producer = Producer()
    given = events(20, 50, size=2_000)
    await publisher(producer).send_encoded(given)
    place = DefaultPartitioner()
    for host in {event.host for event in given}:
        sent = [(partition, event) for partition, event in producer.sent if event.host == host]
        assert [event for _, event in sent] == [event for event in given if event.host == host]
        assert {partition for partition, _ in sent} == {place(host, list(range(PARTITIONS)), [])}


async def test_nothing_to_send() -> None:
    """No events are no batches."""
    producer = Producer()
    assert await publisher(producer).send_encoded([]) == 0
    assert producer.sent == []


async def test_refused_batch() -> None:
    """X10: a batch that is not acknowledged ends the sending and says what and where."""
    producer = Producer(refuse_after=40)
    with pytest.raises(PublishError, match="events on somewhere:9092: KafkaTimeoutError"):
        await publisher(producer).send_encoded(events(1, 200))
    assert len(producer.sent) == 2 * HOST_UNACKNOWLEDGED_MAX
