"""Which generations a correction changes at once: all that there are, but one that is being built.

Each folds the log in its own way: with its own settings, into its own number of partitions, and without what
its rebuild obeyed. So each gets control records of its own, which say for which generation they are.
"""

from dataclasses import dataclass
from uuid import UUID

from processor.admin import admin_client
from processor.comparing import read_remarks
from processor.correct.request import CorrectionError
from processor.domain.config import FoldConfig
from processor.generations import of_generation
from processor.obeying import obeyed
from processor.serve.alias import Aliases, read_aliases
from processor.settings import Settings
from schemas.topics import COMPONENT_DELTAS

__all__ = ["Reached", "reached"]


@dataclass(frozen=True, slots=True)
class Reached:
    """A generation that a correction changes.

    Attributes:
        settings: its names, its number of partitions, and the settings that its workers fold with.
        config: the same for the folds.
        obeyed: the ids of the corrections that its rebuild obeyed; what they void was never counted there.
        is_live: whether readers follow it.
    """

    settings: Settings
    config: FoldConfig
    obeyed: frozenset[UUID]
    is_live: bool

    @property
    def number(self) -> int:
        """Which generation."""
        return self.config.generation


async def reached(settings: Settings) -> list[Reached]:
    """Return the generations that a correction made now changes.

    Raises:
        CorrectionError: one is being built: it would not know of the correction.
        TopicsError: no right to see or read what tells of them.
        KafkaUnavailableError: no broker answers.
    """
    aliases = await read_aliases(settings)
    if (number := aliases.unfinished) is not None:
        raise CorrectionError(
            f"generation {number} is being built, and would not know of it: wait for the end of its rebuild, "
            f"give it up (`fleetfold drop-generation {number}`), or give --for-rebuild: then it is written "
            "down, and a `fleetfold rebuild` that begins afterwards obeys it"
        )
    numbers = [1, *(number for number, made in sorted(aliases.built.items()) if made.dropped is None)]
    topics = {number: of_generation(settings, number).topic(COMPONENT_DELTAS) for number in numbers}
    async with admin_client(settings.kafka_options()) as client:
        there = await client.leaders(list(topics.values()))
    partitions = {number: len(there[topic]) for number, topic in topics.items() if topic in there}
    return [await _look(settings, number, count, aliases) for number, count in partitions.items()]


async def _look(settings: Settings, number: int, partitions: int, aliases: Aliases) -> Reached:
    named = of_generation(settings, number).model_copy(update={"partitions": partitions})
    remarks = await read_remarks(named)
    own = named.model_copy(update={name: remarks[name] for name in named.remarks() if name in remarks})
    before = await obeyed(own) if number > 1 else None
    ids = frozenset() if before is None else frozenset(each.correction_id for each in before.all)
    return Reached(own, own.fold_config(), ids, number == aliases.live)
