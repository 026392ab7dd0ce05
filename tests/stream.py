"""The whole stream in one process: topics, a worker, what is published and what comes of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from processor.app import create_app
from processor.domain.partition import partition_of
from processor.engine.batch import FetchedRecord
from processor.settings import Settings, load_settings
from processor.topics import create
from schemas.cofailure import parse_pair_key
from schemas.topics import CO_FAILURES, COMPONENT_STATS, DEAD_LETTERS, OUTCOME_EVENTS
from tests.settled import read_rows, wait_until_folded
from tests.words import running

__all__ = ["Stream"]


class Stream:
    """One test's stream.

    Args:
        bootstrap: the broker.
        prefix: of its topics.
        settings: what is not as by default.
    """

    def __init__(self, bootstrap: str, prefix: str, **settings: Any) -> None:
        quick = {"session_timeout_s": 6, "heartbeat_interval_s": 1, "fetch_max_wait_ms": 10, "gather_ms": 10}
        self.settings: Settings = load_settings(
            bootstrap=bootstrap, topic_prefix=prefix, app_id=f"{prefix}app", **quick | settings
        )

    async def create_topics(self) -> "Stream":
        """Make the topics."""
        await create(self.settings)
        return self

    async def publish(self, *events: dict[str, Any] | bytes | None, **how: Any) -> None:
        """Publish events (dicts) or raw values, one after the other, as a good publisher would.

        Args:
            events: what to publish.
            how: `key`, `partition`, `headers` or `timestamp_ms` that differ from a good publisher's.
        """
        async with AIOKafkaProducer(bootstrap_servers=self.settings.bootstrap) as producer:
            sends = []
            for event in events:
                value = orjson.dumps(event) if isinstance(event, dict) else event
                host = event.get("host_id") if isinstance(event, dict) else None
                key = how.get("key", host.encode() if host else None)
                at = how.get("partition", partition_of(key or b"", self.settings.partitions))
                more = {name: how[name] for name in ("headers", "timestamp_ms") if name in how}
                topic = self.settings.topic(OUTCOME_EVENTS)
                sends.append(await producer.send(topic, value, key=key, partition=at, **more))
            await asyncio.gather(*sends)

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[Any]:
        """A worker, for as long as the block runs."""
        async with running(create_app(self.settings)) as app:
            yield app

    async def fold(self) -> None:
        """Start a worker, wait until it has folded everything, and stop it."""
        async with self.working():
            await wait_until_folded(self.settings, 60)

    async def stats(self) -> dict[str, dict[str, Any]]:
        """The values of `component-stats` by component."""
        rows = await read_rows(self.settings, COMPONENT_STATS)
        return {key.decode(): orjson.loads(value) for key, value in rows.items()}

    async def pairs(self) -> dict[tuple[str, str], int]:
        """The counts of `co-failures` by pair."""
        rows = await read_rows(self.settings, CO_FAILURES)
        return {parse_pair_key(key): orjson.loads(value)["count"] for key, value in rows.items()}

    async def records(self, name: str) -> list[FetchedRecord]:
        """Every committed record of a topic, tombstones too, by partition and offset."""
        consumer = AIOKafkaConsumer(
            self.settings.topic(name),
            bootstrap_servers=self.settings.bootstrap,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
        )
        found: list[FetchedRecord] = []
        async with consumer:
            ends = await consumer.end_offsets(consumer.assignment())
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found.extend(records)
        return found

    async def dead(self) -> list[tuple[bytes | None, str, str]]:
        """Value, reason and field of each dead letter."""
        letters = await self.records(DEAD_LETTERS)
        return [
            (letter.value, header(letter, "fleetfold-reason"), header(letter, "fleetfold-field"))
            for letter in letters
        ]


def header(record: FetchedRecord, name: str) -> str:
    """One header's text."""
    values: Iterable[bytes | None] = (value for key, value in record.headers if key == name)
    return (next(iter(values)) or b"").decode()
