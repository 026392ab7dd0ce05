"""What happened lately: a component's hours and days, and the sums of the newest of them.

A window is made of whole hours or whole days in UTC and ends now. `1h` is the hour under way and the one
before it, so that it never holds a few minutes only; the others the same with theirs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from schemas.verdicts import Window

__all__ = ["DAY_US", "HOUR_US", "WINDOWS", "Counts", "Lately", "add", "start_us"]

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US


class Counts(NamedTuple):
    """What happened in some time."""

    successes: int = 0
    failures: int = 0
    uses: int = 0
    removals: int = 0

    @property
    def attempts(self) -> int:
        """Installs that worked or failed."""
        return self.successes + self.failures


WINDOWS: Final[Mapping[Window, int]] = {
    "1h": 1 * HOUR_US,
    "2h": 2 * HOUR_US,
    "6h": 6 * HOUR_US,
    "24h": 24 * HOUR_US,
    "7d": 7 * DAY_US,
    "30d": 30 * DAY_US,
}
"""How long each window is, the shortest first."""


def add(counts: Iterable[Counts]) -> Counts:
    """Return what some times come to together."""
    successes = failures = uses = removals = 0
    for each in counts:
        successes += each[0]
        failures += each[1]
        uses += each[2]
        removals += each[3]
    return Counts(successes, failures, uses, removals)


@dataclass(slots=True)
class Lately:
    """The hours and days of one component, or of a fleet.

    Attributes:
        hours: by the hour's number since the epoch; only the newest are there.
        days: by the day's number since the epoch.
    """

    hours: dict[int, Counts] = field(default_factory=dict)
    days: dict[int, Counts] = field(default_factory=dict)

    def window(self, window: Window, now_us: int) -> Counts:
        """Return what a window holds."""
        unit_us = _unit_us(window)
        parts = self.days if unit_us == DAY_US else self.hours
        first = (now_us - WINDOWS[window]) // unit_us
        return add(counts for number, counts in parts.items() if number >= first)


def start_us(window: Window, now_us: int) -> int:
    """Return when a window begins, in microseconds since the epoch."""
    unit_us = _unit_us(window)
    return (now_us - WINDOWS[window]) // unit_us * unit_us


def _unit_us(window: Window) -> int:
    """Return what a window is made of: hours up to a day, days above."""
    return HOUR_US if WINDOWS[window] <= DAY_US else DAY_US
