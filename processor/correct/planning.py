"""A plan: what the log says of the events that are meant, up to its end, and what that changes for each host.

The log is read twice: once for the hosts that are concerned, once for all that they ever sent. What came
meanwhile is read as well: `catch_up` brings the plan to the end of now, and may be called again. Each
generation that there is has what is to be done worked out by itself.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from processor.correct.reach import Reached
from processor.correct.request import CorrectionError, Request
from processor.domain.control import encode_control, ledger_mark
from processor.domain.corrections import Corrections, origin_of
from processor.domain.ledger import EMPTY
from processor.domain.ledger import decode as decode_row
from processor.domain.matching import named_in, records_of
from processor.domain.partition import partition_of
from processor.domain.retraction import HostPlan, plan_host
from processor.domain.tracing import Placed, lies_apart, read_by_first, read_by_rebuilt
from processor.serve.reader import end_offsets, read_snapshot, read_topic
from processor.settings import Settings
from schemas.corrections import Correction, CorrectionKind
from schemas.topics import HOST_LEDGER, OUTCOME_EVENTS

__all__ = ["RECORDS_MAX", "OnProgress", "Plan", "catch_up", "make_plan"]

RECORDS_MAX = 2_000_000
"""So many records of the hosts concerned are held in memory at most; beyond, a rebuild is the way."""

_TOO_LONG = "what changes for it does not fit into one record"
_OTHER_ORDER = (
    "its events lie in several partitions, and generation {} has not folded all of them, or in another order"
)

OnProgress = Callable[[str, int], None]
"""Called with what is being read and how many records of it were read last."""

Decided = dict[bytes, HostPlan]
"""By host, what is to be done."""


@dataclass(slots=True)
class Plan:
    """What a correction will change.

    Attributes:
        correction: as it will be written.
        corrections: all earlier ones, and this one.
        reached: the generations that it changes.
        read_to: by partition, up to where the log is in the plan.
        hosts: what each sent, in offset order within a partition.
        strays: where originals stand that are meant and whose copies the first generation did not make yet.
        control: by generation, what is to be done.
        records: how many records of these hosts are held.
    """

    correction: Correction
    corrections: Corrections
    reached: Sequence[Reached]
    read_to: dict[int, int]
    hosts: dict[bytes, list[Placed]] = field(default_factory=dict)
    strays: set[tuple[int, int]] = field(default_factory=set)
    control: dict[int, Decided] = field(default_factory=dict)
    records: int = 0

    @property
    def events(self) -> int:
        """How many counted events it takes back at once, of what readers see."""
        return sum(each.events for each in self._shown() if each.control is not None)

    @property
    def hosts_touched(self) -> int:
        """Of how many hosts."""
        return sum(each.control is not None for each in self._shown())

    @property
    def left(self) -> list[HostPlan]:
        """Hosts whose events only a rebuild can take back, in one generation or another."""
        return [each for decided in self.control.values() for each in decided.values() if each.left]

    @property
    def changes(self) -> bool:
        """Whether anything is to be done, in any generation."""
        plans = [each for decided in self.control.values() for each in decided.values()]
        return any(each.left or each.control is not None for each in plans)

    @property
    def apart_in_use(self) -> set[int]:
        """The partitions of hosts whose events a rebuilt generation has from several of them."""
        if all(each.number == 1 for each in self.reached):
            return set()
        return {number for records in self.hosts.values() if lies_apart(records) for number, _ in records}

    def entry(self) -> Correction:
        """Return the correction with what it takes back, as it goes into the audit."""
        whole = [
            number for number, own in self.control.items() if not any(each.left for each in own.values())
        ]
        told = {"events": self.events, "hosts": self.hosts_touched, "generations": whole}
        return self.correction.model_copy(update=told)

    def place_of(self, host: bytes, generation: Reached) -> int:
        """Return the partition of the log where a host's control record for a generation belongs."""
        if generation.number == 1:
            return partition_of(host, generation.config.partitions)
        found = {number for number, _ in self.hosts[host]} if not lies_apart(self.hosts[host]) else set()
        return found.pop() if len(found) == 1 else partition_of(host, len(self.read_to))

    def set_aside_longer_than(self, limit_bytes: int, key: bytes) -> None:
        """Leave hosts to a rebuild whose control records would be too long for the topic."""
        for decided in self.control.values():
            for host, own in decided.items():
                if own.control is not None and len(encode_control(own.control, key)[0]) > limit_bytes:
                    decided[host] = HostPlan(None, own.events, _TOO_LONG)

    def _shown(self) -> Iterable[HostPlan]:
        """Return what is to be done in the generation that readers follow."""
        numbers = [each.number for each in self.reached if each.is_live]
        return self.control.get(numbers[0], {}).values() if numbers else ()


async def make_plan(
    settings: Settings,
    request: Request,
    earlier: Corrections,
    reached: Sequence[Reached],
    on_progress: OnProgress = lambda *_: None,
) -> Plan:
    """Return what a correction would change, up to the log's end of now; nothing is written.

    Args:
        settings: where the topics are.
        request: what is asked for; no `undeprecate`.
        earlier: all corrections so far; the new one is added.
        reached: the generations that it changes.
        on_progress: told of what is read.

    Raises:
        CorrectionError: the request names nothing, or too much to be done without a rebuild.
        TopicsError, KafkaUnavailableError, SettingsError: as when reading any topic.
    """
    ends = await end_offsets(settings.topic(OUTCOME_EVENTS), settings.kafka_options())
    correction = request.correction([ends[number] for number in sorted(ends)])
    plan = Plan(correction, earlier, reached, dict.fromkeys(ends, 0))
    await _find_hosts(settings, plan, on_progress)
    if request.kind is CorrectionKind.FORGET_HOST:
        plan.hosts.setdefault((correction.host_id or "").encode(), [])
    earlier.add(correction)
    await catch_up(settings, plan, on_progress)
    return plan


async def _find_hosts(settings: Settings, plan: Plan, on_progress: OnProgress) -> None:
    """Note the hosts of all events that the correction names, and the strays among these."""
    config = plan.reached[0].config
    first = next((each.config for each in plan.reached if each.number == 1), None)
    only = Corrections()
    only.add(plan.correction)
    copied: set[tuple[int, int]] = set()

    def on_records(records: list[Any]) -> None:
        number = records[0].partition
        for host, original, is_copy in named_in(records, number, only, config):
            plan.hosts[host] = []
            if is_copy:
                copied.add(original)
            elif first is not None and partition_of(host, first.partitions) != number:
                plan.strays.add(original)
        on_progress("looking for the events", len(records))

    await read_topic(settings.topic(OUTCOME_EVENTS), settings.kafka_options(), on_records)
    plan.strays -= copied


async def catch_up(settings: Settings, plan: Plan, on_progress: OnProgress = lambda *_: None) -> None:
    """Bring a plan to the log's end of now.

    Raises:
        CorrectionError: the hosts concerned sent too much to be held in memory.
        TopicsError, KafkaUnavailableError, SettingsError: as when reading any topic.
    """
    if not plan.hosts:
        return
    config, wanted = plan.reached[0].config, frozenset(plan.hosts)

    def on_records(records: list[Any]) -> None:
        number = records[0].partition
        for host, record in records_of(wanted, records, config):
            plan.hosts[host].append((number, record))
            plan.strays.discard(origin_of(record, number))
            plan.records += 1
        if plan.records > RECORDS_MAX:
            raise CorrectionError(
                f"the hosts concerned sent more than {RECORDS_MAX:,} events: name fewer, or give "
                "--for-rebuild, and a rebuild leaves them out"
            )
        on_progress("reading what their hosts sent", len(records))

    first = {number: plan.read_to[number] for number in _read(plan)}
    plan.read_to |= await read_topic(
        settings.topic(OUTCOME_EVENTS), settings.kafka_options(), on_records, first=first
    )
    for generation in plan.reached:
        plan.control[generation.number] = _decide(settings, plan, generation)
        await _leave_other_orders(plan, generation)


def _read(plan: Plan) -> Iterable[int]:
    """Return the partitions where records of the hosts may lie that a generation reads."""
    if any(each.number > 1 for each in plan.reached):
        return list(plan.read_to)
    return {partition_of(host, each.config.partitions) for host in plan.hosts for each in plan.reached}


def _decide(settings: Settings, plan: Plan, generation: Reached) -> Decided:
    """Work out what is to be done for each host in a generation."""
    forgotten = plan.correction.host_id if plan.correction.kind is CorrectionKind.FORGET_HOST else None
    now_ms = time.time_ns() // 1_000_000
    topic, obeyed = settings.topic(OUTCOME_EVENTS), plan.corrections.only(generation.obeyed)
    decided = {}
    for host, placed in plan.hosts.items():
        home = partition_of(host, generation.config.partitions)
        decided[host] = plan_host(
            host,
            read_by_first(placed, home)
            if generation.number == 1
            else read_by_rebuilt(host, placed, generation.number, topic, obeyed),
            home,
            generation.config,
            plan.corrections,
            now_ms=now_ms,
            forget=host.decode() == forgotten,
            obeyed=generation.obeyed,
        )
    return decided


async def _leave_other_orders(plan: Plan, generation: Reached) -> None:
    """Leave hosts to a rebuild of which a rebuilt generation may have folded the events in another order."""
    decided = plan.control[generation.number]
    hosts = [
        host for host, own in decided.items() if own.control is not None and lies_apart(plan.hosts[host])
    ]
    if generation.number == 1 or not hosts:
        return
    settings = generation.settings
    rows = (await read_snapshot(settings.topic(HOST_LEDGER), settings.kafka_options())).rows
    for host in hosts:
        own = decided[host]
        row = decode_row(rows[host]) if host in rows else EMPTY
        if own.control is not None and ledger_mark(row) != own.control.mark:
            decided[host] = HostPlan(None, own.events, _OTHER_ORDER.format(generation.number))
