"""Fleet totals: what the hosts of one partition come to. A row and a change are the same, and add up."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import orjson

from processor.domain.effects import Effects

__all__ = ["NONE", "Totals", "TotalsError", "from_json", "merge", "to_json", "totals_of"]


class TotalsError(ValueError):
    """A row of `fleet-totals` that this version cannot read."""


class Totals(NamedTuple):
    """The fields of `FleetTotals` but for the partition; in a change, sessions are signed."""

    sessions: int = 0
    mass_failures: int = 0
    install_successes: int = 0
    install_failures: int = 0
    usage_count: int = 0
    removal_count: int = 0
    deprecations: int = 0
    hosts: int = 0


NONE: Final = Totals()


def totals_of(numbers: Sequence[int], effects: Effects, hosts: int) -> Totals:
    """Return what a batch adds.

    Args:
        numbers: of its events, by their outcomes' places in OUTCOMES, which are those of the fields.
        effects: of its failures.
        hosts: how many hosts are counted for the first time.
    """
    return Totals._make([effects.sessions, effects.mass_failures, *numbers, hosts])


def merge(a: Totals, b: Totals) -> Totals:
    """Return both taken together."""
    return Totals._make([one + other for one, other in zip(a, b, strict=True)])


def to_json(partition: int, totals: Totals) -> bytes:
    """Return a row as a value of `fleet-totals`: the JSON of `FleetTotals`."""
    return orjson.dumps({"partition": partition, **totals._asdict()})


def from_json(value: bytes) -> Totals:
    """Return the row of a value that `to_json` wrote.

    Raises:
        TotalsError: not such a value.
    """
    try:
        fields: dict[str, Any] = orjson.loads(value)
        return Totals._make([fields[name] for name in Totals._fields])
    except (KeyError, TypeError, ValueError) as error:
        raise TotalsError(f"not a row of totals: {value[:80]!r}: {error!r}") from error
