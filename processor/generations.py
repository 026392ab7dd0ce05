"""Generations of the results: which there are, which one is live, and how that is changed.

What is known of them stands on `aliases`. A number is used once: a generation that was dropped leaves its
record, since its consumer group would remember offsets of a state that is gone.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from processor.admin import AdminClient, admin_client
from processor.errors import FleetfoldError, TopicsError
from processor.onerecord import write_record
from processor.serve.alias import read_aliases
from processor.serve.reader import read_topic
from processor.settings import Settings
from schemas.aliases import LIVE_KEY, BuiltGeneration, LiveGeneration, built_key
from schemas.topics import ALIASES, CORRECTIONS, topics_of

__all__ = [
    "GenerationError",
    "begin",
    "corrections_end",
    "corrections_missed",
    "drop",
    "has_workers",
    "mark_built",
    "of_generation",
    "own_topics",
    "require_built",
    "switch",
]


_NO_RIGHT = 30  # of the broker's error codes


class GenerationError(FleetfoldError):
    """What is asked for cannot be done with this generation; the text says why, and what would help."""


def of_generation(settings: Settings, generation: int) -> Settings:
    """Return the settings for another generation."""
    return settings.model_copy(update={"generation": generation})


def own_topics(settings: Settings, generation: int) -> list[str]:
    """Return the full names of a generation's own topics."""
    named = of_generation(settings, generation)
    return [named.topic(spec.name) for spec in topics_of(generation) if not spec.shared]


async def begin(settings: Settings, corrections: int) -> BuiltGeneration:
    """Return how the settings' generation is made; a new record of it, if its rebuild begins now.

    Args:
        settings: generation and partitions.
        corrections: where `corrections` ends now.

    Raises:
        GenerationError: it was dropped, or begun with another number of partitions.
        TopicsError, KafkaUnavailableError: as `read_aliases`.
    """
    number = settings.generation
    made = (await read_aliases(settings)).built.get(number)
    if made is None:
        made = BuiltGeneration(
            generation=number,
            partitions=settings.partitions,
            began=datetime.now(UTC),
            corrections=corrections,
        )
        await _write(settings, built_key(number), made.model_dump(mode="json"))
    if made.dropped is not None:
        raise GenerationError(f"generation {number} was dropped, and a number is used once: take another")
    if made.partitions != settings.partitions:
        raise GenerationError(
            f"the rebuild of generation {number} began with {made.partitions} partitions: go on with "
            f"--partitions {made.partitions}, or drop it (`fleetfold drop-generation {number}`)"
        )
    return made


async def corrections_end(settings: Settings) -> int:
    """Return where `corrections` ends: how many there are.

    Raises:
        TopicsError: there is no such topic, or no right to read it.
        KafkaUnavailableError: no broker answers.
    """
    ends = await read_topic(settings.topic(CORRECTIONS), settings.kafka_options(), lambda _: None)
    return sum(ends.values())


async def corrections_missed(settings: Settings, made: BuiltGeneration) -> int:
    """Return how many corrections were made that a generation does not obey.

    Those are that came after its rebuild began and do not say that it took them in among its events.

    Raises:
        TopicsError, KafkaUnavailableError: as `corrections_end`.
    """
    later: list[bytes | None] = []

    def on_records(records: list[Any]) -> None:
        later.extend(each.value for each in records if each.offset >= made.corrections)

    await read_topic(settings.topic(CORRECTIONS), settings.kafka_options(), on_records)
    return sum(not _takes_in(value, made.generation) for value in later)


def _takes_in(value: bytes | None, generation: int) -> bool:
    """Say whether a correction, of whatever kind, was told to a generation."""
    try:
        told = orjson.loads(value or b"{}").get("generations")
    except (AttributeError, orjson.JSONDecodeError):
        return False
    return isinstance(told, list) and generation in told


async def mark_built(settings: Settings) -> None:
    """Note that the settings' generation has folded all that there was."""
    made = (await read_aliases(settings)).built[settings.generation]
    done = made.model_copy(update={"built": datetime.now(UTC)})
    await _write(settings, built_key(settings.generation), done.model_dump(mode="json"))


async def require_built(settings: Settings) -> None:
    """Return if workers may fold the settings' generation.

    Raises:
        GenerationError: its rebuild has not ended, or there is none.
    """
    number = settings.generation
    if number <= 1:
        return
    made = (await read_aliases(settings)).built.get(number)
    if made is None or made.built is None or made.dropped is not None:
        what = "is not built to its end" if made and not made.dropped else "does not exist"
        raise GenerationError(
            f"generation {number} {what}: `fleetfold rebuild` builds one, and goes on where it was stopped"
        )


async def switch(settings: Settings, generation: int) -> None:
    """Let readers follow a generation from now on."""
    live = LiveGeneration(generation=generation, since=datetime.now(UTC))
    await _write(settings, LIVE_KEY, live.model_dump(mode="json"))


async def drop(settings: Settings, generation: int, *, force: bool = False) -> list[str]:
    """Delete a generation's own topics, and note that it is gone.

    Args:
        settings: where.
        generation: which.
        force: even if workers fold it.

    Returns:
        The full names of the topics that were deleted.

    Raises:
        GenerationError: it is the live one, there is no such generation, or workers fold it.
        TopicsError: no right to delete.
    """
    aliases = await read_aliases(settings)
    if generation == aliases.live:
        raise GenerationError(
            f"generation {generation} is the live one: `fleetfold switch` readers to another first"
        )
    if generation > 1 and generation not in aliases.built:
        raise GenerationError(f"there is no generation {generation}")
    names = own_topics(settings, generation)
    async with admin_client(settings.kafka_options()) as client:
        if not force and await _has_members(client, of_generation(settings, generation).group):
            raise GenerationError(f"workers fold generation {generation}: stop them first")
        there = sorted(await client.leaders(names))
        await _delete(client, there)
    if made := aliases.built.get(generation):
        gone = made.model_copy(update={"dropped": datetime.now(UTC)})
        await _write(settings, built_key(generation), gone.model_dump(mode="json"))
    return there


async def has_workers(settings: Settings, generation: int) -> bool:
    """Return whether workers fold a generation now.

    Raises:
        TopicsError: no right to see their group.
        KafkaUnavailableError: no broker answers.
    """
    async with admin_client(settings.kafka_options()) as client:
        return await _has_members(client, of_generation(settings, generation).group)


async def _has_members(client: AdminClient, group: str) -> bool:
    responses = await client.describe_consumer_groups([group])
    described = [each for response in responses for each in response.groups]
    if any(each[0] == _NO_RIGHT for each in described):
        raise TopicsError(f"no right to see the consumer group {group}: DESCRIBE on it is needed")
    return any(each[5] for each in described)


async def _delete(client: AdminClient, names: list[str]) -> None:
    if not names:
        return
    response = await client.delete_topics(names)
    for name, code in response.topic_error_codes:
        if code:
            raise TopicsError(f"cannot delete the topic {name}: error {code}")


async def _write(settings: Settings, key: bytes, fields: Mapping[str, Any]) -> None:
    await write_record(settings, settings.topic(ALIASES), key, orjson.dumps(fields))
