"""The rows of `verdicts` in memory, and the fleet's own rate: both small, whatever the size of the fleet."""

from collections.abc import Iterable
from typing import Any

import orjson
from pydantic import ValidationError

from schemas.fleet import FleetTotals
from schemas.verdicts import ComponentVerdicts, Verdict, VerdictKind

__all__ = ["FleetRows", "VerdictRows"]


class VerdictRows:
    """What is held against components.

    Attributes:
        rows: by component; a row that holds nothing any more is not in it.
        texts: of each, its verdicts as a JSON array.
        kinds: of each, the kinds of its verdicts, each once, the gravest first.
        bad: records so far that were no rows; they changed nothing.
    """

    __slots__ = ("bad", "kinds", "rows", "texts")

    def __init__(self) -> None:
        self.rows: dict[str, list[Verdict]] = {}
        self.texts: dict[str, bytes] = {}
        self.kinds: dict[str, tuple[VerdictKind, ...]] = {}
        self.bad = 0

    def put(self, records: Iterable[Any]) -> dict[str, None]:
        """Take in records of the topic, and return the components whose verdicts they changed."""
        changed: dict[str, None] = {}
        for record in records:
            try:
                component_id = (record.key or b"").decode()
                verdicts = _verdicts(component_id, record.value)
            except (ValidationError, ValueError):
                self.bad += 1
                continue
            changed[component_id] = None
            if verdicts:
                self.rows[component_id] = verdicts
                self.texts[component_id] = orjson.dumps([each.model_dump(mode="json") for each in verdicts])
                self.kinds[component_id] = tuple(dict.fromkeys(each.kind for each in verdicts))
            else:
                for table in (self.rows, self.texts, self.kinds):
                    table.pop(component_id, None)
        return changed


def _verdicts(component_id: str, value: bytes | None) -> list[Verdict]:
    if value is None:
        return []
    row = ComponentVerdicts.model_validate_json(value)
    if row.component_id != component_id:
        raise ValueError(f"the row of {row.component_id!r} has the key of {component_id!r}")
    return row.verdicts


class FleetRows:
    """The rows of `fleet-totals`, added up.

    Attributes:
        rate: the share of all installs that worked, to the percent, so that an answer about one component
            does not change with every event of the others; 1.0 with no attempt.
        bad: records so far that were no rows.
    """

    __slots__ = ("_rows", "bad", "rate")

    def __init__(self) -> None:
        self._rows: dict[bytes, FleetTotals] = {}
        self.rate = 1.0
        self.bad = 0

    def put(self, records: Iterable[Any]) -> None:
        """Take in records of the topic."""
        for record in records:
            try:
                if record.value is not None:
                    self._rows[record.key or b""] = FleetTotals.model_validate_json(record.value)
            except ValidationError:
                self.bad += 1
        successes = sum(row.install_successes for row in self._rows.values())
        attempts = successes + sum(row.install_failures for row in self._rows.values())
        self.rate = round(successes / attempts, 2) if attempts else 1.0
