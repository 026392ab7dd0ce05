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
from schemas.topics import CHECKPOINTS, DEAD_LETTERS, OUTCOME_EVENTS, TopicSpec, topics_of

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
    if spec.name == DEAD_LETTERS:
        config["retention.bytes"] = str(settings.dead_letter_bytes)  # the originals stay in outcome-events
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
        specs = topics_of(settings.generation or 1)
        found = await client.leaders([settings.topic(spec.name) for spec in specs])
        _refuse_other_partitions(found, settings)
        events = len(found.get(settings.topic(OUTCOME_EVENTS), ()))
        missing = {
            spec: partitions_of(spec, settings, events)
            for spec in specs
            if settings.topic(spec.name) not in found
        }
        created = await _create_missing(client, missing, settings) if missing else []
        await _wait_for_leaders(client, missing, settings)
    return created


def partitions_of(spec: TopicSpec, settings: Settings, events: int = 0) -> int:
    """Return how many partitions a topic must have.

    Args:
        spec: the topic.
        settings: how many the generation has.
        events: how many `outcome-events` has, 0 if it is to be made; a rebuilt generation may have another
            number, and a checkpoint stands in the partition of its source's number.
    """
    if spec.one_order:
        return spec.partitions
    if settings.generation > 1 and spec.name == OUTCOME_EVENTS:
        return events or settings.partitions
    if settings.generation > 1 and spec.name == CHECKPOINTS:
        return max(settings.partitions, events)
    return settings.partitions


def _fits(spec: TopicSpec, count: int, wanted: int, settings: Settings) -> bool:
    """Tell whether a topic may have so many partitions."""
    if settings.generation > 1 and spec.name == CHECKPOINTS:
        return count >= wanted
    return count == wanted or not (spec.copartitioned or spec.one_order)


def _refuse_other_partitions(found: Mapping[str, Sequence[int]], settings: Settings) -> None:
    """Raise where new topics would not match those that exist."""
    events = len(found.get(settings.topic(OUTCOME_EVENTS), ()))
    for spec in topics_of(settings.generation or 1):
        name = settings.topic(spec.name)
        count = len(found.get(name, ()))
        wanted = partitions_of(spec, settings, events)
        if count and spec.copartitioned and not _fits(spec, count, wanted, settings):
            raise TopicsError(
                f"{name} exists with {count} partitions, and {wanted} are asked for: "
                f"set FLEETFOLD_PARTITIONS={count} (or give --partitions {count}), or another topic prefix"
            )


async def _create_missing(
    client: AdminClient, missing: Mapping[TopicSpec, int], settings: Settings
) -> list[str]:
    """Create topics with so many partitions, and return the names of those that were not there after all."""
    new = [
        NewTopic(
            settings.topic(spec.name),
            num_partitions=count,
            replication_factor=settings.replication_factor,
            topic_configs=required_config(spec, settings),
        )
        for spec, count in missing.items()
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


async def _wait_for_leaders(client: AdminClient, counts: Mapping[TopicSpec, int], settings: Settings) -> None:
    wanted = {settings.topic(spec.name): count for spec, count in counts.items()}
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
        names = [settings.topic(spec.name) for spec in topics_of(settings.generation or 1)]
        leaders = await client.leaders(names)
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
    events = counts.get(settings.topic(OUTCOME_EVENTS), 0)
    for spec in topics_of(settings.generation or 1):
        name = settings.topic(spec.name)
        if name not in counts:
            problems.append(Problem(name, "is missing", "make it with `fleetfold topics create`"))
            continue
        wanted = partitions_of(spec, settings, events)
        problems += _partition_problems(spec, counts[name], wanted, settings)
        problems += _config_problems(spec, configs.get(name, {}), settings)
    return problems


def _partition_problems(spec: TopicSpec, count: int, wanted: int, settings: Settings) -> Iterable[Problem]:
    if _fits(spec, count, wanted, settings):
        return
    name = settings.topic(spec.name)
    what = f"has {_counted(count)}, and {_counted(wanted)} {'is' if wanted == 1 else 'are'} wanted"
    if spec.one_order:
        mend = "its order counts: copy its records into a topic with one partition, and give that its name"
    elif spec.name == OUTCOME_EVENTS:
        mend = f"set FLEETFOLD_PARTITIONS={count}, or fold the events anew with `fleetfold rebuild`"
    else:
        mend = "a count cannot be lowered: fold the events anew with `fleetfold rebuild`"
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
