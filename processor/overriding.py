"""How an override begins and ends: one record, written so that none is lost; nothing else is touched."""

from datetime import datetime, timedelta

from pydantic import ValidationError

from processor.errors import FleetfoldError
from processor.onerecord import write_record
from processor.publish.uuid7 import uuid7
from processor.serve.reader import read_topic
from processor.settings import Settings
from schemas.overrides import Override, OverrideAction, Subject, subject_key
from schemas.topics import OVERRIDES

__all__ = ["OverrideError", "beginning", "ending", "read_overrides", "write"]


class OverrideError(FleetfoldError):
    """An override cannot be made as it is asked for; nothing was written."""


def beginning(subject: Subject, by: str, reason: str, at: datetime, days: float) -> Override:
    """Return the record that lets what is held against a subject pass for so many days.

    Raises:
        OverrideError: a field is not as it must be.
    """
    return _record(OverrideAction.BEGIN, subject, by, reason, at, at + timedelta(days=days))


def ending(subject: Subject, by: str, reason: str, at: datetime) -> Override:
    """Return the record that ends a subject's override.

    Raises:
        OverrideError: as `beginning`.
    """
    return _record(OverrideAction.END, subject, by, reason, at, None)


def _record(action: OverrideAction, subject: Subject, by: str, reason: str, at: datetime,
            until: datetime | None) -> Override:  # fmt: skip
    try:
        return Override(
            override_id=uuid7(),
            action=action,
            component_id=subject[0],
            other=subject[1] if len(subject) > 1 else None,
            at=at,
            by=by,
            reason=reason,
            until=until,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise OverrideError(": ".join([*map(str, first["loc"]), first["msg"]])) from error


async def read_overrides(settings: Settings) -> list[Override]:
    """Return all records, in the order in which they were made: the audit.

    Raises:
        OverrideError: one cannot be read by this version.
        TopicsError: no such topic, or no right to read it.
        KafkaUnavailableError: no broker answers, or it does not finish.
    """
    topic, values = settings.topic(OVERRIDES), list[bytes]()
    await read_topic(
        topic, settings.kafka_options(), lambda records: values.extend(each.value or b"" for each in records)
    )
    try:
        return [Override.model_validate_json(value) for value in values]
    except ValidationError as error:
        raise OverrideError(f"{topic} holds what this version does not understand: {error}") from error


async def write(settings: Settings, override: Override) -> None:
    """Write a record, and return once Kafka has it.

    Raises:
        TopicsError: no such topic, or no right to write it.
        KafkaUnavailableError: no broker answers.
    """
    topic, value = settings.topic(OVERRIDES), override.model_dump_json().encode()
    await write_record(settings, topic, subject_key(override.subject), value)
