"""The ceiling: aiokafka's `getmany` and `orjson.loads` alone; no Python consumer is faster."""

import asyncio
import json
import sys

import orjson
from aiokafka import AIOKafkaConsumer

from tests.bench.measure import Stopwatch


async def main(bootstrap: str, topic: str, events: int) -> None:
    """Read and decode every event once, and print the figures as JSON."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=4 * 1_048_576,
    )
    async with consumer:
        seen = 0
        watch = Stopwatch()
        while seen < events:
            for records in (await consumer.getmany(timeout_ms=1000, max_records=20_000)).values():
                for record in records:
                    orjson.loads(record.value)
                seen += len(records)
        watch.stop()
        print(json.dumps({**watch.figures(seen).as_dict(), "counted": seen}))  # noqa: T201 -- read by the benchmark


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
