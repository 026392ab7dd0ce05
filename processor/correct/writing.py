"""A correction is written in one transaction, or not at all: its control records, and its entry in the audit.

The control records say what changes, worked out from all that stands before them. So nothing of their hosts
may come in between: what the log holds between the plan's end and the control records is looked at before the
transaction commits. If a host sent something, the transaction is aborted, and the plan is brought up to date.
One transactional id for all corrections shuts out a second one that is made at the same time. Each generation
has control records of its own; those of one from 2 on stand where its `route` meets the host's events.
"""

import asyncio
from contextlib import AbstractAsyncContextManager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from processor.correct.audit import read_corrections
from processor.correct.planning import OnProgress, Plan, catch_up, make_plan
from processor.correct.reach import Reached, reached
from processor.correct.request import CorrectionError, Request
from processor.domain.control import encode_control
from processor.domain.matching import records_of
from processor.domain.packing import pack_taken_back
from processor.domain.record import CORRECTION_HEADER, is_control
from processor.domain.stats import revocation
from processor.fenced import Record, fenced_producer, send_all
from processor.serve.reader import end_offsets, read_snapshot
from processor.settings import Settings
from processor.standing import standing
from schemas.corrections import Correction, CorrectionKind
from schemas.times import to_us
from schemas.topics import COMPONENT_DELTAS, COMPONENT_STATS, CORRECTIONS, OUTCOME_EVENTS

__all__ = ["Written", "correct", "look", "undeprecate", "write_down"]

_TRIES = 10
_POLL_MS = 200
_PATIENCE_S = 5.0
_FRAMING_BYTES = 4_096  # what key, headers and the record batch add to a control record's value

Written = tuple[Plan, dict[int, list[int]]]
"""The plan as it was carried out, and by partition the offsets of its control records."""


class _CameBetweenError(Exception):
    """A host of the plan sent something after the plan was made."""


async def look(settings: Settings, request: Request, on_progress: OnProgress = lambda *_: None) -> Plan:
    """Return what a correction would change now; nothing is written.

    Raises:
        CorrectionError: it would not reach all that is in use, workers would refuse it, or see `make_plan`.
        TopicsError, KafkaUnavailableError, SettingsError: see `make_plan`.
    """
    config = settings.fold_config()
    if not config.correction_key and not config.takes_unsigned:
        raise CorrectionError(
            "without FLEETFOLD_CORRECTION_KEY workers refuse it on a Kafka that asks who one is: set it here "
            "and for all workers"
        )
    generations = await reached(settings)
    return await make_plan(settings, request, await read_corrections(settings), generations, on_progress)


async def correct(
    settings: Settings, request: Request, on_progress: OnProgress = lambda *_: None
) -> Written | None:
    """Make a correction; None if there is nothing that it would change, and then nothing is written.

    Raises:
        CorrectionError: it cannot be made now, or another one took over; nothing was written.
        TopicsError, KafkaUnavailableError, SettingsError: see `make_plan`.
    """
    async with _producer(settings) as producer:
        plan = await look(settings, request, on_progress)
        for _ in range(_TRIES):
            if plan.strays:
                raise CorrectionError(
                    f"{len(plan.strays)} of these events stand in a wrong partition and are not forwarded "
                    "yet: run a worker of the first generation until it has caught up, and try again"
                )
            if not plan.changes:
                return None
            try:
                return plan, await _write(settings, producer, plan)
            except _CameBetweenError:
                await catch_up(settings, plan, on_progress)
    raise CorrectionError(f"hosts that are concerned sent new events at each of {_TRIES} tries: try again")


async def undeprecate(settings: Settings, request: Request) -> Correction:
    """Declare a component not deprecated up to now.

    Raises:
        CorrectionError: another one took over, or a generation is not ready for it; nothing was written.
        TopicsError, KafkaUnavailableError, SettingsError: as when writing to any topic.
    """
    correction = request.correction()
    component = correction.component_id or ""
    change = revocation(to_us(correction.at))
    headers = [(CORRECTION_HEADER, str(correction.correction_id).encode())]
    async with _producer(settings) as producer:
        generations = await reached(settings)
        for each in generations:
            await _require_row(each, component)
        entry = correction.model_copy(update={"generations": [each.number for each in generations]})
        records = [_entry(settings, entry)]
        for each in generations:
            topic, partitions = each.settings.topic(COMPONENT_DELTAS), each.config.partitions
            ((partition, value),) = pack_taken_back([(component, change, None)], partitions, 1 << 20)
            records.append(Record(topic, partition, None, value, headers))
        async with producer.transaction():
            await send_all(producer, records)
    return entry


async def _require_row(generation: Reached, component: str) -> None:
    """Return if a revocation finds its component's row in a generation, or there is nothing to revoke.

    Raises:
        CorrectionError: the row is still to come.
    """
    settings = generation.settings
    rows = (await read_snapshot(settings.topic(COMPONENT_STATS), settings.kafka_options())).rows
    if component.encode("utf-8", "surrogateescape") in rows:
        return
    async with standing(settings) as look:
        if not await look.folded(_PATIENCE_S):
            raise CorrectionError(
                f"generation {generation.number} has not folded it yet: run its workers until it has caught "
                f"up, or drop it (`fleetfold drop-generation {generation.number}`)"
            )


async def write_down(settings: Settings, request: Request) -> Correction:
    """Write a correction for rebuilds that begin later to obey; what is in use counts on as before.

    Raises:
        CorrectionError: another correction took over; nothing was written.
        TopicsError, KafkaUnavailableError, SettingsError: as when writing to any topic.
    """
    ends = await end_offsets(settings.topic(OUTCOME_EVENTS), settings.kafka_options())
    before = None if request.kind is CorrectionKind.UNDEPRECATE else [ends[each] for each in sorted(ends)]
    correction = request.correction(before)
    async with _producer(settings) as producer, producer.transaction():
        await send_all(producer, [_entry(settings, correction)])
    return correction


def _producer(settings: Settings) -> AbstractAsyncContextManager[AIOKafkaProducer]:
    """A producer that has shut out every other correction."""
    return fenced_producer(
        settings,
        f"{settings.app_id}-corrections",
        CorrectionError("another correction was begun and took over; nothing was written"),
        max_request_size=settings.max_message_bytes,
    )


async def _write(settings: Settings, producer: AIOKafkaProducer, plan: Plan) -> dict[int, list[int]]:
    """Write a plan's entry and its control records in one transaction; return the control records' offsets.

    The entry first: whoever sees a control record, committed or not, sees that a correction is being made.

    Raises:
        _CameBetweenError: something came in between; nothing was written.
    """
    topic, key = settings.topic(OUTCOME_EVENTS), settings.fold_config().correction_key
    plan.set_aside_longer_than(settings.max_message_bytes - _FRAMING_BYTES, key)
    controls = [
        Record(topic, plan.place_of(host, generation), host, *encode_control(own.control, key))
        for generation in plan.reached
        for host, own in plan.control[generation.number].items()
        if own.control is not None
    ]
    offsets: dict[int, list[int]] = {}
    async with producer.transaction():
        await send_all(producer, [_entry(settings, plan.entry())])
        for sent in await send_all(producer, controls):
            offsets.setdefault(sent.partition, []).append(sent.offset)
        for number, own_offsets in offsets.items():
            await _nothing_came(settings, plan, number, max(own_offsets))
        if elsewhere := plan.apart_in_use - offsets.keys():
            ends = await end_offsets(topic, settings.kafka_options())
            for number in elsewhere:
                await _nothing_came(settings, plan, number, ends[number])
    return offsets


def _entry(settings: Settings, correction: Correction) -> Record:
    key, value = str(correction.correction_id).encode(), correction.model_dump_json().encode()
    return Record(settings.topic(CORRECTIONS), 0, key, value)


async def _nothing_came(settings: Settings, plan: Plan, number: int, last: int) -> None:
    """Look at what the log holds between a plan's end and its last control record, committed or not.

    Raises:
        _CameBetweenError: a host of the plan sent something.
    """
    if plan.read_to[number] >= last:
        return
    config, hosts = settings.fold_config(), frozenset(plan.hosts)
    partition = TopicPartition(settings.topic(OUTCOME_EVENTS), number)
    consumer = AIOKafkaConsumer(
        **settings.kafka_options(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_uncommitted",
    )
    try:
        await consumer.start()
        consumer.assign([partition])
        consumer.seek(partition, plan.read_to[number])
        await asyncio.sleep(0)  # aiokafka's task must have begun before a stop, or ends as cancelled
        while await consumer.position(partition) < last:
            for records in (await consumer.getmany(partition, timeout_ms=_POLL_MS)).values():
                events = [each for each in records if each.offset < last and not is_control(each)]
                if any(records_of(hosts, events, config)):
                    raise _CameBetweenError
    finally:
        await consumer.stop()
