"""The rows of `verdicts` in memory, and the fleet's own rate: both small, whatever the size of the fleet."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
from pydantic import ValidationError

from processor.serve.overriderows import OverrideRows
from schemas.fleet import FleetTotals
from schemas.overrides import HeldVerdict, Subject, subject_of
from schemas.verdicts import ComponentVerdicts, VerdictKind

__all__ = ["FleetRows", "VerdictRows"]


class VerdictRows:
    """What is held against components, and what people let pass.

    Attributes:
        rows: by component; a row that holds nothing any more is not in it.
        texts: of each, its verdicts as a JSON array.
        kinds: of each, the kinds of its verdicts, each once, the gravest first.
        overrides: what is let pass.
        bad: records so far that were no rows; they changed nothing.
    """

    __slots__ = ("_bad", "kinds", "overrides", "rows", "texts")

    def __init__(self) -> None:
        self.rows: dict[str, list[HeldVerdict]] = {}
        self.texts: dict[str, bytes] = {}
        self.kinds: dict[str, tuple[VerdictKind, ...]] = {}
        self.overrides = OverrideRows()
        self._bad = 0

    @property
    def bad(self) -> int:
        """Records so far that were no rows, of both topics."""
        return self._bad + self.overrides.bad

    def put(self, records: Iterable[Any]) -> dict[str, None]:
        """Take in records of `verdicts`, and return the components whose verdicts they changed."""
        changed: dict[str, None] = {}
        for record in records:
            try:
                component_id = (record.key or b"").decode()
                verdicts = _verdicts(component_id, record.value)
            except (ValidationError, ValueError):
                self._bad += 1
                continue
            changed[component_id] = None
            if verdicts:
                self.kinds[component_id] = tuple(dict.fromkeys(each.kind for each in verdicts))
                self._show(component_id, verdicts)
            else:
                for table in (self.rows, self.texts, self.kinds):
                    table.pop(component_id, None)
        return changed

    def put_overrides(self, records: Iterable[Any]) -> dict[str, None]:
        """Take in records of `overrides`, and return the components whose verdicts show them."""
        return self._show_again(self.overrides.put(records))

    def expire(self, now: datetime) -> dict[str, None]:
        """Drop overrides that have run out, and return the components whose verdicts showed them."""
        return self._show_again(self.overrides.expire(now))

    def _show_again(self, subjects: Iterable[Subject]) -> dict[str, None]:
        changed = dict.fromkeys(each for subject in subjects for each in subject if each in self.rows)
        for component_id in changed:
            self._show(component_id, self.rows[component_id])
        return changed

    def _show(self, component_id: str, verdicts: list[HeldVerdict]) -> None:
        get = self.overrides.rows.get
        shown = [
            each.model_copy(update={"override": get(subject_of(component_id, each.other))})
            for each in verdicts
        ]
        self.rows[component_id] = shown
        self.texts[component_id] = orjson.dumps([each.model_dump(mode="json") for each in shown])


def _verdicts(component_id: str, value: bytes | None) -> list[HeldVerdict]:
    if value is None:
        return []
    row = ComponentVerdicts.model_validate_json(value)
    if row.component_id != component_id:
        raise ValueError(f"the row of {row.component_id!r} has the key of {component_id!r}")
    if any(each.other == component_id for each in row.verdicts):
        raise ValueError(f"{component_id!r} is in conflict with itself")
    return [HeldVerdict.model_validate(each.model_dump()) for each in row.verdicts]


class FleetRows:
    """The rows of `fleet-totals`, added up.

    Attributes:
        rate: the share of all installs that worked, to the percent, so that an answer about one component
            does not change with every event of the others; 1.0 with no attempt.
        sessions: failure sessions.
        bad: records so far that were no rows.
    """

    __slots__ = ("_rows", "bad", "rate", "sessions")

    def __init__(self) -> None:
        self._rows: dict[bytes, FleetTotals] = {}
        self.rate = 1.0
        self.sessions = 0
        self.bad = 0

    def put(self, records: Iterable[Any]) -> None:
        """Take in records of the topic."""
        for record in records:
            try:
                if record.value is not None:
                    self._rows[record.key or b""] = FleetTotals.model_validate_json(record.value)
            except ValidationError:
                self.bad += 1
        self.sessions = sum(row.sessions for row in self._rows.values())
        successes = sum(row.install_successes for row in self._rows.values())
        attempts = successes + sum(row.install_failures for row in self._rows.values())
        self.rate = round(successes / attempts, 2) if attempts else 1.0
