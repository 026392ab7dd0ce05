"""The log of corrections, as it stands on its topic."""

from typing import Any

from processor.correct.request import CorrectionError
from processor.domain.corrections import Corrections, CorrectionsError
from processor.serve.reader import read_topic
from processor.settings import Settings
from schemas.topics import CORRECTIONS

__all__ = ["read_corrections"]


async def read_corrections(settings: Settings) -> Corrections:
    """Return all corrections, in the order in which they were made.

    Raises:
        CorrectionError: one cannot be read by this version.
        TopicsError: no such topic, or no right to read it.
        KafkaUnavailableError: no broker answers, or it does not finish.
    """
    values: list[bytes | None] = []

    def on_records(records: list[Any]) -> None:
        values.extend(record.value for record in records)

    await read_topic(settings.topic(CORRECTIONS), settings.kafka_options(), on_records)
    try:
        return Corrections.from_records(values)
    except CorrectionsError as error:
        raise CorrectionError(f"{settings.topic(CORRECTIONS)}: {error}") from error
