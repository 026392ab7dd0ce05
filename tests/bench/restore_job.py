"""How long a worker takes to restore a large table from its changelog."""

import asyncio
import json
import sys

from aiokafka import AIOKafkaProducer, TopicPartition

from processor.app import create_app, engine_config
from processor.domain.stats import to_json
from processor.engine.checkpoints import checkpoint_key, checkpoint_value
from processor.engine.recovery import restore
from processor.settings import Settings, load_settings
from schemas.topics import CHECKPOINTS, COMPONENT_DELTAS, COMPONENT_STATS
from tests.bench.load import load
from tests.bench.measure import Stopwatch

FIRST_US = 1_700_000_000_000_000


async def main(bootstrap: str, prefix: str, rows: int) -> None:
    """Write rows to `component-stats`, restore them, and print the figures as JSON."""
    settings = load_settings(bootstrap=bootstrap, topic_prefix=prefix, app_id=f"{prefix}restore")
    ids = [f"pkg:bench/component-{number}" for number in range(rows)]
    values = (
        (name.encode(), to_json(name, (9, 1, 2, 0, FIRST_US, FIRST_US + 9, FIRST_US + 5, None)))
        for name in ids
    )
    await load(bootstrap, settings.topic(COMPONENT_STATS), settings.partitions, values)
    await _write_checkpoints(settings)
    app = create_app(settings)
    sources = [TopicPartition(settings.topic(COMPONENT_DELTAS), n) for n in range(settings.partitions)]
    watch = Stopwatch()
    restored = await restore(engine_config(settings), sources, list(app.tables.values()))
    assert sum(len(part) for part in restored.rows.values()) == rows
    figures = watch.figures(rows).as_dict()
    print(json.dumps(figures))  # noqa: T201 -- read by the benchmark


async def _write_checkpoints(settings: Settings) -> None:
    """Rows without checkpoints would be refused."""
    async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap) as producer:
        for number in range(settings.partitions):
            source = TopicPartition(settings.topic(COMPONENT_DELTAS), number)
            topic, key = settings.topic(CHECKPOINTS), checkpoint_key(source)
            await producer.send_and_wait(topic, key=key, value=checkpoint_value(0), partition=number)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
