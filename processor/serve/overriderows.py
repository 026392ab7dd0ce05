"""The rows of `overrides` in memory: what is let pass now. No clock: whoever asks says what time it is."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from schemas.overrides import Override, OverrideAction, Subject, subject_key

__all__ = ["OverrideRows"]


class OverrideRows:
    """The newest record of each subject, unless it is an end, or has run out.

    Attributes:
        rows: by subject; one that has run out stays until `expire` is told the time.
        bad: records so far that were no rows; they changed nothing.
    """

    __slots__ = ("bad", "rows")

    def __init__(self) -> None:
        self.rows: dict[Subject, Override] = {}
        self.bad = 0

    def put(self, records: Iterable[Any]) -> list[Subject]:
        """Take in records of the topic, and return what they are about."""
        changed: dict[Subject, None] = {}
        for record in records:
            try:
                override = Override.model_validate_json(record.value or b"")
            except ValidationError:
                self.bad += 1
                continue
            if subject_key(override.subject) != record.key:
                self.bad += 1
                continue
            changed[override.subject] = None
            if override.action is OverrideAction.BEGIN:
                self.rows[override.subject] = override
            else:
                self.rows.pop(override.subject, None)
        return list(changed)

    def expire(self, now: datetime) -> list[Subject]:
        """Drop what has run out, and return what it was about."""
        gone = [subject for subject, override in self.rows.items() if not override.holds(now)]
        for subject in gone:
            del self.rows[subject]
        return gone
