"""A plan: what the log says of the events that are meant, up to its end, and what that changes for each host.

The log is read twice: once for the hosts that are concerned, once for all that they ever sent. What came
meanwhile is read as well: `catch_up` brings the plan to the end of now, and may be called again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from processor.correct.request import CorrectionError, Request
from processor.domain.config import FoldConfig
from processor.domain.control import encode_control
from processor.domain.corrections import Corrections, origin_of
from processor.domain.matching import named_in, records_of
from processor.domain.partition import partition_of
from processor.domain.record import Record
from processor.domain.retraction import HostPlan, plan_host
from processor.serve.reader import end_offsets, read_topic
from processor.settings import Settings
from schemas.corrections import Correction, CorrectionKind
from schemas.topics import OUTCOME_EVENTS

__all__ = ["RECORDS_MAX", "OnProgress", "Plan", "catch_up", "make_plan"]

RECORDS_MAX = 2_000_000
"""So many records of the hosts concerned are held in memory at most; beyond, a rebuild is the way."""

_TOO_LONG = "what changes for it does not fit into one record"

OnProgress = Callable[[str, int], None]
"""Called with what is being read and how many records of it were read last."""


@dataclass(slots=True)
class Plan:
    """What a correction will change.

    Attributes:
        correction: as it will be written.
        corrections: all earlier ones, and this one.
        read_to: by partition, up to where the log is in the plan.
        hosts: by partition and host, what it sent, in offset order.
        strays: where originals stand that are meant and whose copies were not seen yet.
        control: by partition and host, what is to be done.
        records: how many records of these hosts are held.
    """

    correction: Correction
    corrections: Corrections
    read_to: dict[int, int]
    hosts: dict[int, dict[bytes, list[Record]]] = field(default_factory=dict)
    strays: set[tuple[int, int]] = field(default_factory=set)
    control: dict[int, dict[bytes, HostPlan]] = field(default_factory=dict)
    records: int = 0

    @property
    def events(self) -> int:
        """How many counted events it takes back at once."""
        return sum(each.events for each in self._plans() if each.control is not None)

    @property
    def hosts_touched(self) -> int:
        """Of how many hosts."""
        return sum(each.control is not None for each in self._plans())

    @property
    def left(self) -> list[HostPlan]:
        """Hosts whose events only a rebuild can take back."""
        return [each for each in self._plans() if each.left]

    def entry(self) -> Correction:
        """Return the correction with what it takes back, as it goes into the audit."""
        return self.correction.model_copy(update={"events": self.events, "hosts": self.hosts_touched})

    def set_aside_longer_than(self, limit_bytes: int, key: bytes) -> None:
        """Leave hosts to a rebuild whose control records would be too long for the topic."""
        for hosts in self.control.values():
            for host, own in hosts.items():
                if own.control is not None and len(encode_control(own.control, key)[0]) > limit_bytes:
                    hosts[host] = HostPlan(None, own.events, _TOO_LONG)

    def _plans(self) -> list[HostPlan]:
        return [each for by_host in self.control.values() for each in by_host.values()]


async def make_plan(
    settings: Settings, request: Request, earlier: Corrections, on_progress: OnProgress = lambda *_: None
) -> Plan:
    """Return what a correction would change, up to the log's end of now; nothing is written.

    Args:
        settings: where the topics are, and the folds' settings.
        request: what is asked for; no `undeprecate`.
        earlier: all corrections so far; the new one is added.
        on_progress: told of what is read.

    Raises:
        CorrectionError: the request names nothing, or too much to be done without a rebuild.
        TopicsError, KafkaUnavailableError, SettingsError: as when reading any topic.
    """
    ends = await end_offsets(settings.topic(OUTCOME_EVENTS), settings.kafka_options())
    correction = request.correction([ends[number] for number in sorted(ends)])
    plan = Plan(correction, earlier, dict.fromkeys(ends, 0))
    await _find_hosts(settings, plan, on_progress)
    if request.kind is CorrectionKind.FORGET_HOST:
        host = (correction.host_id or "").encode()
        plan.hosts.setdefault(partition_of(host, settings.partitions), {}).setdefault(host, [])
    earlier.add(correction)
    await catch_up(settings, plan, on_progress)
    return plan


async def _find_hosts(settings: Settings, plan: Plan, on_progress: OnProgress) -> None:
    """Note the hosts of all events that the correction names, and the strays among these."""
    config = settings.fold_config()
    only = Corrections()
    only.add(plan.correction)
    copied: set[tuple[int, int]] = set()

    def on_records(records: list[Any]) -> None:
        number = records[0].partition
        for host, original, is_copy in named_in(records, number, only, config):
            home = partition_of(host, config.partitions)
            plan.hosts.setdefault(home, {})[host] = []
            if is_copy:
                copied.add(original)
            elif home != number:
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
    config = settings.fold_config()
    wanted = {number: frozenset(hosts) for number, hosts in plan.hosts.items()}

    def on_records(records: list[Any]) -> None:
        number = records[0].partition
        for host, record in records_of(wanted[number], records, config):
            plan.hosts[number][host].append(record)
            plan.strays.discard(origin_of(record, number))
            plan.records += 1
        if plan.records > RECORDS_MAX:
            raise CorrectionError(
                f"the hosts concerned sent more than {RECORDS_MAX:,} events: name fewer, or give "
                "--for-rebuild, and a rebuild leaves them out"
            )
        on_progress("reading what their hosts sent", len(records))

    first = {number: plan.read_to[number] for number in wanted}
    plan.read_to |= await read_topic(
        settings.topic(OUTCOME_EVENTS), settings.kafka_options(), on_records, first=first
    )
    _decide(plan, config)


def _decide(plan: Plan, config: FoldConfig) -> None:
    """Work out what is to be done for each host."""
    forgotten = plan.correction.host_id if plan.correction.kind is CorrectionKind.FORGET_HOST else None
    now_ms = time.time_ns() // 1_000_000
    for number, hosts in plan.hosts.items():
        plan.control[number] = {
            host: plan_host(
                host,
                records,
                number,
                config,
                plan.corrections,
                plan.correction.correction_id,
                now_ms=now_ms,
                forget=host.decode() == forgotten,
            )
            for host, records in hosts.items()
        }
