"""Which generation of the results readers follow, as `aliases` says it."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from processor.errors import TopicsError
from processor.serve.reader import read_snapshot
from processor.settings import Settings
from schemas.aliases import LIVE_KEY, BuiltGeneration, LiveGeneration, built_key
from schemas.topics import ALIASES

__all__ = ["Aliases", "aliases_of", "following", "live_after", "live_generation", "live_in", "read_aliases"]

logger = logging.getLogger(__name__)

_BUILT = built_key(0)[:-1]


@dataclass(frozen=True, slots=True)
class Aliases:
    """What `aliases` says.

    Attributes:
        live: the generation that readers follow.
        built: how each generation from 2 on was made.
    """

    live: int = 1
    built: dict[int, BuiltGeneration] = field(default_factory=dict)

    @property
    def unfinished(self) -> int | None:
        """The generation whose rebuild has begun and not ended, the newest of them; None if there is none."""
        begun = [number for number, made in self.built.items() if not (made.built or made.dropped)]
        return max(begun, default=None)

    @property
    def next(self) -> int:
        """The first number that was never used."""
        return max([1, self.live, *self.built]) + 1

    def exists(self, generation: int) -> bool:
        """Whether there should be rows of a generation; of the first, its topics tell."""
        made = self.built.get(generation)
        return generation == 1 or (made is not None and made.dropped is None)


def aliases_of(rows: Mapping[bytes, bytes]) -> Aliases:
    """Return what the rows of `aliases` say.

    Raises:
        ValueError: one of them is of a kind that this version does not know.
    """
    built = [value for key, value in rows.items() if key.startswith(_BUILT)]
    made = map(BuiltGeneration.model_validate_json, built)
    return Aliases(live_in(rows.get(LIVE_KEY)), {each.generation: each for each in made})


def live_in(value: bytes | None) -> int:
    """Return the generation that a record under the key `live` names; 1 without one.

    Raises:
        ValueError: it is of a kind that this version does not know.
    """
    return 1 if value is None else LiveGeneration.model_validate_json(value).generation


def live_after(records: Iterable[Any], live: int) -> int:
    """Return which generation is live after a run of `aliases`.

    Args:
        records: of the topic; one that is not understood changes nothing, and a word is said.
        live: which one was before.
    """
    for record in records:
        if record.key != LIVE_KEY:
            continue
        try:
            live = live_in(record.value)
        except ValueError as error:
            logger.warning("a record of aliases is not understood, and changes nothing: %s", error)
    return live


async def read_aliases(settings: Settings) -> Aliases:
    """Return what is known of the generations.

    Raises:
        TopicsError: there is no topic `aliases`, or no right to read it.
        KafkaUnavailableError: no broker answers.
    """
    rows = (await read_snapshot(settings.topic(ALIASES), settings.kafka_options())).rows
    return aliases_of(rows)


async def live_generation(settings: Settings) -> int | None:
    """Return the live generation; None, and a word, where no topic `aliases` is, or no right to read it.

    Raises:
        KafkaUnavailableError: no broker answers.
    """
    try:
        return (await read_aliases(settings)).live
    except TopicsError as error:
        logger.warning("the first generation is read, since the live one is not known: %s", error)
        return None


async def following(settings: Settings) -> Settings:
    """Return the settings for the generation that they name, or for the live one if they name none.

    Raises:
        KafkaUnavailableError: no broker answers.
    """
    if settings.generation:
        return settings
    return settings.model_copy(update={"generation": await live_generation(settings) or 1})
