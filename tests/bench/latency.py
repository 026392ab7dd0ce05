"""The delay from publishing an event to its committed row, as a `read_committed` reader sees it."""

import asyncio
import time
from uuid import UUID

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from schemas.times import format_us

__all__ = ["measure_latency"]

WARM_UP_S = 3.0
TICK_S = 0.01


async def measure_latency(
    bootstrap: str, events_topic: str, stats_topic: str, rate: int, duration_s: float
) -> list[float]:
    """Publish one event per component at a steady rate, and wait for each component's row.

    Args:
        bootstrap: the broker; a worker must be running.
        events_topic: full name of `outcome-events`.
        stats_topic: full name of `component-stats`.
        rate: events per second.
        duration_s: for how long.

    Returns:
        The delays in milliseconds, in order of size, without those of the first seconds.
    """
    sent_s: dict[bytes, float] = {}
    seen_s: dict[bytes, float] = {}
    total = int(rate * duration_s)
    consumer = AIOKafkaConsumer(
        stats_topic, bootstrap_servers=bootstrap, isolation_level="read_committed", fetch_max_wait_ms=20
    )
    async with consumer, AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=2) as producer:
        await consumer.seek_to_end()
        publish = asyncio.create_task(_publish(producer, events_topic, rate, total, sent_s))
        while len(seen_s) < total:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                now_s = time.perf_counter()
                for record in records:
                    seen_s.setdefault(record.key, now_s)
        await publish
    first_s = min(sent_s.values()) + WARM_UP_S
    return sorted(1000 * (seen_s[key] - at_s) for key, at_s in sent_s.items() if at_s >= first_s)


async def _publish(
    producer: AIOKafkaProducer, topic: str, rate: int, total: int, sent_s: dict[bytes, float]
) -> None:
    started_s = time.perf_counter()
    number = 0
    while number < total:
        due = min(total, int((time.perf_counter() - started_s) * rate))
        for index in range(number, due):
            component = f"pkg:bench/latency-{index}"
            event = {
                "component_id": component,
                "outcome_type": "install_success",
                "timestamp": format_us(time.time_ns() // 1000),
                "context": "",
                "event_id": str(UUID(int=(time.time_ns() << 32) + index, version=4)),
                "host_id": f"host-{index % 500}",
            }
            sent_s[component.encode()] = time.perf_counter()
            await producer.send(topic, orjson.dumps(event), key=str(event["host_id"]).encode())
        number = due
        await asyncio.sleep(TICK_S)
    await producer.flush()
