"""What must hold once everything is folded (S16), and waiting until it is."""

from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from processor.app import engine_config
from processor.engine.batch import FetchedRecord
from processor.engine.changelog import read_to_end
from processor.engine.checkpoints import checkpoint_key, decode
from processor.settings import Settings
from schemas.topics import (
    CHECKPOINTS,
    CO_FAILURES,
    COMPONENT_DELTAS,
    COMPONENT_HISTORY,
    COMPONENT_STATS,
    DEAD_LETTERS,
    FLEET_TOTALS,
    HOST_LEDGER,
    OUTCOME_EVENTS,
    PAIR_DELTAS,
)
from tests.waiting import eventually

__all__ = ["check_settled", "read_rows", "wait_until_folded"]

SOURCES = (OUTCOME_EVENTS, COMPONENT_DELTAS, PAIR_DELTAS)
TABLES = (HOST_LEDGER, FLEET_TOTALS, COMPONENT_STATS, COMPONENT_HISTORY, CO_FAILURES)
ALL = (*SOURCES, *TABLES, CHECKPOINTS, DEAD_LETTERS)


def partitions_of(settings: Settings, names: Iterable[str]) -> list[TopicPartition]:
    """Every partition of some topics."""
    return [TopicPartition(settings.topic(name), n) for name in names for n in range(settings.partitions)]


async def committed(settings: Settings, sources: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """The group's offsets; 0 where there is none."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(settings.app_id, partitions=list(sources))
    finally:
        await admin.close()
    return {tp: max(found[tp].offset, 0) if tp in found else 0 for tp in sources}


async def records_after(settings: Settings, offsets: dict[TopicPartition, int]) -> int:
    """How many data records stand at or after the offsets."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap, isolation_level="read_committed", fetch_max_wait_ms=20
    )
    found = 0
    async with consumer:
        consumer.assign(list(offsets))
        ends = await consumer.end_offsets(list(offsets))
        for tp, offset in offsets.items():
            consumer.seek(tp, offset)
        pending = {tp for tp, end in ends.items() if offsets[tp] < end}
        while pending:
            for records in (await consumer.getmany(*pending, timeout_ms=100)).values():
                found += len(records)
            pending = {tp for tp in pending if await consumer.position(tp) < ends[tp]}
    return found


async def wait_until_folded(settings: Settings, timeout_s: float = 120) -> None:
    """Wait until no data record stands after the committed offsets: of the events, then of the deltas."""
    for names in ((OUTCOME_EVENTS,), (COMPONENT_DELTAS, PAIR_DELTAS)):
        sources = partitions_of(settings, names)

        async def nothing_left(sources: list[TopicPartition] = sources) -> bool:
            return await records_after(settings, await committed(settings, sources)) == 0

        await eventually(nothing_left, timeout_s)


async def read_rows(settings: Settings, name: str) -> dict[bytes, bytes]:
    """A compacted topic's rows, as a reader with `read_committed` sees them."""
    rows: dict[bytes, bytes] = {}

    def on_records(_: TopicPartition, records: Sequence[FetchedRecord]) -> None:
        for record in records:
            if record.value is None:
                rows.pop(record.key or b"", None)
            else:
                rows[record.key or b""] = record.value

    await read_to_end(engine_config(settings), partitions_of(settings, [name]), on_records)
    return rows


async def check_settled(settings: Settings) -> None:
    """Assert S16: no transaction open, no data after the committed offsets, checkpoints equal to them."""
    sources = partitions_of(settings, SOURCES)
    offsets = await committed(settings, sources)
    assert await records_after(settings, offsets) == 0
    checkpoints = await read_rows(settings, CHECKPOINTS)
    stored = {tp: checkpoints.get(checkpoint_key(tp)) for tp in sources}
    assert {tp: int(str(decode(value)["offset"])) for tp, value in stored.items() if value is not None} == {
        tp: offset for tp, offset in offsets.items() if offset
    }
    everywhere = partitions_of(settings, ALL)
    ends = {}
    for level in ("read_committed", "read_uncommitted"):
        consumer = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap, isolation_level=level)
        async with consumer:
            consumer.assign(everywhere)  # else the topics' metadata is asked for one after the other
            ends[level] = await consumer.end_offsets(everywhere)
    assert ends["read_committed"] == ends["read_uncommitted"], "a transaction is open"
