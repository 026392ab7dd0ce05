"""Reading two generations at about the same moment, so that what differs is no mere haste."""

from collections.abc import Mapping
from typing import Any

import orjson

from processor.errors import TopicsError
from processor.generations import of_generation
from processor.serve.alias import read_aliases
from processor.serve.differences import Difference, Makings, differences, summed
from processor.serve.reader import read_snapshot, read_topic
from processor.settings import Settings
from processor.standing import standing
from schemas.corrections import Correction
from schemas.topics import (
    CHECKPOINTS,
    CO_FAILURES,
    COMPONENT_HISTORY,
    COMPONENT_STATS,
    CORRECTIONS,
    FLEET_TOTALS,
)

__all__ = ["TABLES", "compare", "makings_of", "read_remarks"]

TABLES = (COMPONENT_STATS, CO_FAILURES, COMPONENT_HISTORY, FLEET_TOTALS)

_REMARKS_KEY = b'["remarks"]'
_LOOKS_MAX = 5


async def compare(settings: Settings, old: int, new: int) -> list[Difference]:
    """Return the rows that differ between two generations.

    Both fold on while they are read. So rows that differ are read again until as many differ as before: what
    was only in haste is equal then. Under load a row that changes all the time may remain.

    Args:
        settings: where.
        old: the one generation.
        new: the other.

    Raises:
        TopicsError: one of them is not there, or there is no right to read it.
        KafkaUnavailableError: no broker answers.
    """
    makings = (await makings_of(settings, old), await makings_of(settings, new))
    found = await _look(settings, old, new, makings)
    for _ in range(_LOOKS_MAX):
        if not found or await _stand_still(settings, old, new):
            break
        again = await _look(settings, old, new, makings)
        kept = {key: again[key] for key in found.keys() & again.keys()}
        if len(kept) == len(found):
            break
        found = kept
    return [found[key] for key in sorted(found)]


async def _look(
    settings: Settings, old: int, new: int, makings: tuple[Makings, Makings]
) -> dict[tuple[str, ...], Difference]:
    found = {}
    for table in TABLES:
        before, after = [await _rows(of_generation(settings, number), table) for number in (old, new)]
        if table == FLEET_TOTALS:
            before, after = summed(before), summed(after)
        for each in differences(table, before, after, makings):
            found[(table, *each.ids)] = each
    return found


async def _rows(settings: Settings, name: str) -> Mapping[bytes, bytes]:
    return (await read_snapshot(settings.topic(name), settings.kafka_options())).rows


async def _stand_still(settings: Settings, *generations: int) -> bool:
    """Whether all that stands on the log is folded in all of them at once."""
    for number in generations:
        async with standing(of_generation(settings, number)) as look:
            if not await look.folded(0):
                return False
    return True


async def read_remarks(settings: Settings) -> dict[str, Any]:
    """Return the settings that the settings' generation was last folded with; none before its first start.

    Raises:
        TopicsError: it is not there, or there is no right to read it.
        KafkaUnavailableError: no broker answers.
    """
    stored = (await _rows(settings, CHECKPOINTS)).get(_REMARKS_KEY)
    found: dict[str, Any] = {} if stored is None else orjson.loads(stored)["remarks"]
    return found


async def makings_of(settings: Settings, generation: int) -> Makings:
    """Return how a generation was made, as far as it is written down."""
    remarks = await read_remarks(of_generation(settings, generation))
    made = (await read_aliases(settings)).built.get(generation)
    corrections: list[Correction] = []

    def on_records(records: list[Any]) -> None:
        corrections.extend(
            Correction.model_validate_json(each.value)
            for each in records
            if made is not None and each.offset < made.corrections
        )

    try:
        await read_topic(settings.topic(CORRECTIONS), settings.kafka_options(), on_records)
    except TopicsError:
        corrections.clear()  # why a row differs is then not told in full
    return Makings(remarks, tuple(corrections))
