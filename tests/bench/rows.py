"""Rows as a large fleet leaves them, written straight onto the result topics for a worker to restore.

Their encodings are the contract's; tests/unit/test_bench_rows.py holds them to its models.
"""

import asyncio
import random
from base64 import b64encode
from collections.abc import Iterator

from aiokafka import AIOKafkaProducer, TopicPartition

from processor.app import engine_config
from processor.engine.checkpoints import checkpoint_key, checkpoint_value
from processor.engine.runner import check_layout
from processor.settings import Settings
from schemas.topics import (
    CHECKPOINTS,
    COMPONENT_DELTAS,
    COMPONENT_STATS,
    HOST_LEDGER,
    OUTCOME_EVENTS,
    PAIR_DELTAS,
)
from tests.bench.events import component_id, host_id
from tests.bench.load import load

__all__ = ["ledger_rows", "stats_rows", "write_state"]

FINGERPRINT_BYTES = 8
POOL = 1000  # as many different rings; making each ring anew would be most of the work
SESSION_SHARE = 0.5
SEED = 7

_STATS = (
    b'{"component_id":"%b","install_successes":9,"install_failures":1,"usage_count":2,"removal_count":0,'
    b'"failure_sessions":0,'
    b'"first_seen":"2025-12-01T00:00:00.000000Z","last_success":"2026-01-01T10:00:00.000000Z",'
    b'"last_failure":"2026-01-01T09:00:00.000000Z","deprecated_at":null,"notes":null,'
    b'"success_rate":0.9,"is_problematic":false}'
)
_LEDGER = b'{"v":2,"heard":"2026-01-02T00:00:00.000000Z","ring":"%b","sessions":[%b]}'
_SESSION = (
    b'{"start":"2026-01-01T09:00:00.000000Z","end":"2026-01-01T09:00:20.000000Z","components":["%b","%b"]}'
)


def stats_rows(components: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of `component-stats`."""
    for number in range(components):
        name = component_id(number)
        yield name, _STATS % name


def ledger_rows(hosts: int, ids: int, components: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of `host-ledger`.

    Args:
        hosts: how many.
        ids: event ids that each remembers.
        components: how many there are; half of the hosts have one recent session of two that failed.
    """
    rng = random.Random(SEED)
    rings = [b64encode(rng.randbytes(FINGERPRINT_BYTES * ids)) for _ in range(POOL)]
    for number in range(hosts):
        session = b""
        if rng.random() < SESSION_SHARE:
            session = _SESSION % (component_id(number % components), component_id((number + 1) % components))
        yield host_id(number), _LEDGER % (rings[number % POOL], session)


def write_state(settings: Settings, hosts: int, components: int, ids: int) -> int:
    """Write both tables, one record a row, and the checkpoints that go with them.

    Returns:
        How many bytes the values have together.
    """
    return asyncio.run(_write_state(settings, hosts, components, ids))


async def _write_state(settings: Settings, hosts: int, components: int, ids: int) -> int:
    await check_layout(engine_config(settings))  # before any checkpoint: as a first worker does
    tables = (
        (COMPONENT_STATS, stats_rows(components)),
        (HOST_LEDGER, ledger_rows(hosts, ids, components)),
    )
    size = 0
    for name, rows in tables:
        loaded = await load(settings.bootstrap, settings.topic(name), settings.partitions, rows)
        size += loaded
    async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap) as producer:
        for source in (OUTCOME_EVENTS, COMPONENT_DELTAS, PAIR_DELTAS):
            for number in range(settings.partitions):
                key = checkpoint_key(TopicPartition(settings.topic(source), number))
                topic = settings.topic(CHECKPOINTS)
                await producer.send_and_wait(topic, key=key, value=checkpoint_value(0), partition=number)
    return size
