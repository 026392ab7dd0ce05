"""The delay from publishing an event to its committed row, as a `read_committed` reader sees it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from schemas.times import format_us

__all__ = ["Steady", "measure_latency"]

WARM_UP_S = 3.0
TICK_S = 0.01
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Steady:
    """What a steady rate came to.

    Attributes:
        published: how many events were sent, one per component.
        seen: how many components' rows came back.
        delays_ms: of those that were sent after the warm-up.
        cpu_s: the CPU time of each process from the end of the warm-up to the last event sent.
        duration_s: how long that was.
    """

    published: int
    seen: int
    delays_ms: list[float]
    cpu_s: list[float]
    duration_s: float


class _Publisher:
    """Sends events at a steady rate, and looks at the CPU times after the warm-up and at the end."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, cpu_s: Callable[[], list[float]]) -> None:
        self._producer = producer
        self._topic = topic
        self._cpu_s = cpu_s
        self.sent_s: dict[bytes, float] = {}
        self.marks: list[tuple[float, list[float]]] = []

    async def run(self, rate: int, total: int) -> None:
        """Send `total` events, `rate` a second."""
        started_s = time.perf_counter()
        while len(self.sent_s) < total:
            now_s = time.perf_counter()
            if not self.marks and now_s - started_s >= WARM_UP_S:
                self._mark()
            for index in range(len(self.sent_s), min(total, int((now_s - started_s) * rate))):
                await self._send(index)
            await asyncio.sleep(TICK_S)
        self._mark()
        await self._producer.flush()

    async def _send(self, index: int) -> None:
        component = f"pkg:bench/latency-{index}"
        event = {
            "component_id": component,
            "outcome_type": "install_success",
            "timestamp": format_us(time.time_ns() // 1000),
            "context": "",
            "event_id": str(UUID(int=(time.time_ns() << 32) + index, version=4)),
            "host_id": f"host-{index % 500}",
        }
        self.sent_s[component.encode()] = time.perf_counter()
        await self._producer.send(self._topic, orjson.dumps(event), key=str(event["host_id"]).encode())

    def _mark(self) -> None:
        self.marks.append((time.perf_counter(), self._cpu_s()))


async def measure_latency(
    bootstrap: str,
    events_topic: str,
    stats_topic: str,
    rate: int,
    duration_s: float,
    cpu_s: Callable[[], list[float]],
) -> Steady:
    """Publish one event per component at a steady rate, and wait for each component's row.

    Args:
        bootstrap: the broker; a worker must be ready.
        events_topic: full name of `outcome-events`.
        stats_topic: full name of `component-stats`.
        rate: events per second.
        duration_s: for how long, after a warm-up.
        cpu_s: the CPU times so far of the processes that are watched.

    Raises:
        TimeoutError: rows are missing, long after the last event.
    """
    seen_s: dict[bytes, float] = {}
    total = int(rate * (WARM_UP_S + duration_s))
    consumer = AIOKafkaConsumer(
        stats_topic, bootstrap_servers=bootstrap, isolation_level="read_committed", fetch_max_wait_ms=20
    )
    async with consumer, AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=2) as producer:
        await consumer.seek_to_end()
        publisher = _Publisher(producer, events_topic, cpu_s)
        publishing = asyncio.create_task(publisher.run(rate, total))
        async with asyncio.timeout(WARM_UP_S + duration_s + PATIENCE_S):
            while len(seen_s) < total:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    now_s = time.perf_counter()
                    for record in records:
                        seen_s.setdefault(record.key, now_s)
        await publishing
    (first_s, before_s), (last_s, after_s) = publisher.marks
    delays_ms = [1000 * (seen_s[key] - at_s) for key, at_s in publisher.sent_s.items() if at_s >= first_s]
    spent_s = [after - before for before, after in zip(before_s, after_s, strict=True)]
    return Steady(total, len(seen_s), delays_ms, spent_s, last_s - first_s)
