"""The rival: plain Faust with a table, doing only the component counts, as its own users would write it.

At least once, as Faust is shipped. Events are not sent through a topic of their own by component first: on
one worker the counts are right without it, and it is the cheaper way.
"""

import asyncio
import json
import sys
import tempfile

import faust
from aiokafka import AIOKafkaConsumer

from tests.bench.measure import Stopwatch
from tests.waiting import eventually


class Event(faust.Record, serializer="json"):  # type: ignore[misc, call-arg] # Faust is Any: see pyproject.toml
    """What of an event the counts need."""

    component_id: str
    outcome_type: str


async def main(bootstrap: str, topic: str, group: str, events: int) -> None:
    """Count until `events` are seen, and print the figures as JSON."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        partitions = len(await consumer._client._wait_on_metadata(topic))
    app = faust.App(
        group,
        broker=f"kafka://{bootstrap}",
        store="memory://",
        topic_partitions=partitions,
        topic_disable_leader=True,
        web_enabled=False,
        autodiscover=False,
        datadir=tempfile.mkdtemp(),
        consumer_auto_offset_reset="earliest",
    )
    counts = app.Table("counts", default=int, partitions=partitions)
    seen = 0
    watch: Stopwatch | None = None

    @app.agent(app.topic(topic, value_type=Event))  # type: ignore[untyped-decorator] # as above
    async def count(stream: faust.Stream[Event]) -> None:
        nonlocal seen, watch
        async for event in stream:
            watch = watch or Stopwatch()
            counts[f"{event.component_id}:{event.outcome_type}"] += 1
            seen += 1

    await app.start()

    async def enough() -> bool:
        return seen >= events

    await eventually(enough, 600)
    assert watch is not None
    watch.stop()
    figures = {**watch.figures(seen).as_dict(), "counted": sum(counts.values())}
    print(json.dumps(figures), flush=True)  # noqa: T201 -- read by the benchmark
    await app.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
