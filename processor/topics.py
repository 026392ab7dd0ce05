"""The topics as the contract wants them: made when missing, checked before use, never changed.

An existing topic is someone's data. `create` leaves it as it is, and `verify` says what is wrong with it
and which command mends it.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aiokafka.admin import NewTopic
from aiokafka.errors import for_code

from processor.admin import AdminClient, admin_client
from processor.errors import TopicsError
from processor.settings import Settings
from schemas.topics import OUTCOME_EVENTS, TOPICS, TopicSpec

__all__ = ["Problem", "create", "partitions_of", "problems_of", "required_config", "verify"]

_ALREADY_EXISTS = 36
_FOREVER = "-1"
_LEADERS_WITHIN_S = 30.0
_STAY_KEYS = ("cleanup.policy", "retention.ms", "retention.bytes")
_TIME_KEY = "message.timestamp.type"
_SIZE_KEY = "max.message.bytes"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one topic, and what mends it."""

    topic: str
    what: str
    mend: str

    def __str__(self) -> str:
        """Return both as one line."""
        return f"{self.topic}: {self.what}; {self.mend}"


def required_config(spec: TopicSpec, settings: Settings) -> dict[str, str]:
    """Return the settings that a topic is created with."""
    config = {**spec.config(), "max.message.bytes": str(settings.max_message_bytes)}
    if spec.name == OUTCOME_EVENTS:
        config["retention.ms"] = str(settings.events_retention_ms)
    if config.get("retention.ms") == _FOREVER:
        config["retention.bytes"] = _FOREVER  # a broker-wide log.retention.bytes would delete all the same
    return config


async def create(settings: Settings) -> list[str]:
    """Create the topics that are missing, and wait until each of their partitions has a leader.

    Args:
        settings: partitions, copies, prefix and retention to create with.

    Returns:
        The full names of the topics that were created, in the order of the contract.

    Raises:
        KafkaUnavailableError: no broker answers.
        TopicsError: no right to create, too few brokers for the copies, or existing topics have another
            count of partitions than is asked for.
    """
    async with admin_client(settings.kafka_options()) as client:
        found = await client.leaders([settings.topic(spec.name) for spec in TOPICS])
        _refuse_other_partitions(found, settings)
        missing = [spec for spec in TOPICS if settings.topic(spec.name) not in found]
        created = await _create_missing(client, missing, settings) if missing else []
        await _wait_for_leaders(client, missing, settings)
    return created


def partitions_of(spec: TopicSpec, settings: Settings) -> int:
    """Return how many partitions a topic is created with."""
    return spec.partitions if spec.one_order else settings.partitions


def _refuse_other_partitions(found: Mapping[str, Sequence[int]], settings: Settings) -> None:
    """Raise where new topics would not match those that exist."""
    for spec in TOPICS:
        name = settings.topic(spec.name)
        count = len(found.get(name, ()))
        if spec.copartitioned and count not in {0, settings.partitions}:
            raise TopicsError(
                f"{name} exists with {count} partitions, and {settings.partitions} are asked for: "
                f"set FLEETFOLD_PARTITIONS={count} (or give --partitions {count}), or another topic prefix"
            )


async def _create_missing(client: AdminClient, missing: Sequence[TopicSpec], settings: Settings) -> list[str]:
    """Create topics, and return the names of those that were not there after all."""
    new = [
        NewTopic(
            settings.topic(spec.name),
            num_partitions=partitions_of(spec, settings),
            replication_factor=settings.replication_factor,
            topic_configs=required_config(spec, settings),
        )
        for spec in missing
    ]
    response = await client.create_topics(new)
    created = []
    for topic, code, *rest in response.topic_errors:
        if code not in {0, _ALREADY_EXISTS}:  # another process may create them at the same time
            why = (rest[0] if rest else "") or for_code(code).__name__
            raise TopicsError(f"cannot create the topic {topic} on {settings.bootstrap}: {why}")
        if code == 0:
            created.append(topic)
    return created


async def _wait_for_leaders(client: AdminClient, specs: Sequence[TopicSpec], settings: Settings) -> None:
    wanted = {settings.topic(spec.name): partitions_of(spec, settings) for spec in specs}
    deadline_s = time.monotonic() + _LEADERS_WITHIN_S
    while True:
        found = await client.leaders(list(wanted))
        led = {name: sum(leader >= 0 for leader in partitions) for name, partitions in found.items()}
        waiting = [name for name in sorted(wanted) if led.get(name, 0) < wanted[name]]
        if not waiting:
            return
        if time.monotonic() > deadline_s:
            names = ", ".join(waiting)
            raise TopicsError(f"no leader after {_LEADERS_WITHIN_S:.0f} s for a partition of {names}")
        await asyncio.sleep(0.05)


async def verify(settings: Settings) -> list[Problem]:
    """Compare the topics with the contract; an empty list means that a worker can start.

    Raises:
        KafkaUnavailableError: no broker answers.
        TopicsError: no right to see the topics or their settings.
    """
    async with admin_client(settings.kafka_options()) as client:
        leaders = await client.leaders([settings.topic(spec.name) for spec in TOPICS])
        configs = await client.topic_configs(list(leaders), (*_STAY_KEYS, _TIME_KEY, _SIZE_KEY))
    counts = {name: len(partitions) for name, partitions in leaders.items()}
    return problems_of(counts, configs, settings)


def problems_of(
    counts: Mapping[str, int], configs: Mapping[str, Mapping[str, str]], settings: Settings
) -> list[Problem]:
    """Return what is wrong with the topics as they were found.

    Args:
        counts: full topic name to its count of partitions; a missing topic is not in it.
        configs: full topic name to its settings.
        settings: what is wanted.
    """
    problems: list[Problem] = []
    for spec in TOPICS:
        name = settings.topic(spec.name)
        if name not in counts:
            problems.append(Problem(name, "is missing", "make it with `fleetfold topics create`"))
            continue
        problems += _partition_problems(spec, counts[name], settings)
        problems += _config_problems(spec, configs.get(name, {}), settings)
    return problems


def _partition_problems(spec: TopicSpec, count: int, settings: Settings) -> Iterable[Problem]:
    wanted = partitions_of(spec, settings)
    if count == wanted or not (spec.copartitioned or spec.one_order):
        return
    name = settings.topic(spec.name)
    what = f"has {_counted(count)}, and {_counted(wanted)} {'is' if wanted == 1 else 'are'} wanted"
    if spec.one_order:
        mend = "its order counts: copy its records into a topic with one partition, and give that its name"
    elif spec.name == OUTCOME_EVENTS:
        mend = f"set FLEETFOLD_PARTITIONS={count}, or use another topic prefix with topics of its own"
    else:
        mend = "a count cannot be lowered: use another topic prefix and fold the events again"
    yield Problem(name, what, mend)


def _config_problems(spec: TopicSpec, found: Mapping[str, str], settings: Settings) -> Iterable[Problem]:
    wanted = required_config(spec, settings)
    name = settings.topic(spec.name)
    for key in _STAY_KEYS:
        if _differs(key, wanted, found):
            yield _to_alter(name, key, found.get(key), wanted[key], settings)
    if wanted.get(_TIME_KEY) == "LogAppendTime" != found.get(_TIME_KEY):
        yield _to_alter(name, _TIME_KEY, found.get(_TIME_KEY), wanted[_TIME_KEY], settings)
    if int(found.get(_SIZE_KEY, 0)) < settings.max_message_bytes:
        yield _to_alter(name, _SIZE_KEY, found.get(_SIZE_KEY), wanted[_SIZE_KEY], settings)


def _differs(key: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> bool:
    """Tell whether a topic could lose what must stay: shorter retention hurts, a longer one does not."""
    if key == "cleanup.policy":
        return found.get(key) != wanted.get(key)
    if "delete" not in wanted.get("cleanup.policy", "") or wanted.get(key) != _FOREVER:
        return False  # compacted rows have no retention; where some is allowed, its length is the owner's
    return found.get(key) != _FOREVER


def _to_alter(name: str, key: str, found: str | None, wanted: str, settings: Settings) -> Problem:
    command = (
        f"kafka-configs.sh --bootstrap-server {settings.bootstrap} --alter --entity-type topics "
        f"--entity-name {name} --add-config {key}={wanted}"
    )
    return Problem(name, f"has {key}={found}, and {key}={wanted} is needed", f"mend it with `{command}`")


def _counted(partitions: int) -> str:
    return "1 partition" if partitions == 1 else f"{partitions} partitions"
