"""The counts of a fleet in one process, as the topics would hold them; a test holds them to the oracle."""

from collections import Counter, defaultdict
from itertools import combinations
from typing import Final

from processor.domain.facts import Facts
from processor.domain.facts import Fleet as FleetFacts
from processor.domain.windows import DAY_US, HOUR_US, Counts, Lately
from schemas import OutcomeType
from tests.evidence.fleets import Happening

__all__ = ["Folded"]

_GAP_US: Final = 60_000_000
_CAP: Final = 50
_PLACE: Final = {
    OutcomeType.INSTALL_SUCCESS.value: 0,
    OutcomeType.INSTALL_FAILURE.value: 1,
    OutcomeType.USED_IN_SESSION.value: 2,
    OutcomeType.REMOVED_BY_USER.value: 3,
}
_FAILED: Final = 1


class _Row:
    """One component so far."""

    __slots__ = ("days", "first_us", "hours", "last_failure_us", "total")

    def __init__(self, at_us: int) -> None:
        self.total = [0, 0, 0, 0]
        self.hours: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self.days: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self.first_us = at_us
        self.last_failure_us: int | None = None


class Folded:
    """What is counted so far; `take` needs each host's events in order of time."""

    def __init__(self) -> None:
        self.rows: dict[str, _Row] = {}
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.failure_sessions: Counter[str] = Counter()
        self.sessions = 0
        self._fleet = _Row(0)
        self._open: dict[int, tuple[int, set[str], bool]] = {}

    def take(self, happening: Happening) -> None:
        """Count one event."""
        at_us, host, outcome, component = happening
        place = _PLACE[outcome]
        row = self.rows.get(component)
        if row is None:
            row = self.rows[component] = _Row(at_us)
        for each in (row, self._fleet):
            each.total[place] += 1
            each.hours[at_us // HOUR_US][place] += 1
            each.days[at_us // DAY_US][place] += 1
        if place == _FAILED:
            row.last_failure_us = max(row.last_failure_us or 0, at_us)
            self._fail(at_us, host, component)

    def _fail(self, at_us: int, host: int, component: str) -> None:
        last_us, failed, is_mass = self._open.get(host, (0, set(), False))
        if at_us - last_us > _GAP_US:
            failed, is_mass = set(), False
        if not is_mass and component not in failed:
            pairs = [(min(component, each), max(component, each)) for each in failed]
            self.sessions += not failed
            self.pairs.update(pairs)
            self.failure_sessions[component] += 1
            failed.add(component)
            if len(failed) > _CAP:
                self.pairs.subtract(combinations(sorted(failed), 2))
                self.failure_sessions.subtract(failed)
                self.sessions -= 1
                is_mass = True
        self._open[host] = (at_us, failed, is_mass)

    def tried(self, component: str) -> tuple[int, int]:
        """Return a component's successes and failures."""
        row = self.rows.get(component)
        return (row.total[0], row.total[1]) if row else (0, 0)

    def facts(self, component: str) -> Facts:
        """Return what is known of a component."""
        row = self.rows[component]
        return Facts(
            component,
            _lately(row),
            self.failure_sessions[component],
            row.first_us,
            row.last_failure_us,
        )

    def fleet(self, now_us: int) -> FleetFacts:
        """Return what is known of the fleet."""
        return FleetFacts(_lately(self._fleet), self.sessions, now_us)


def _lately(row: _Row) -> Lately:
    newest = max(row.hours)
    hours = {hour: Counts(*counts) for hour, counts in row.hours.items() if hour > newest - 48}
    return Lately(hours, {day: Counts(*counts) for day, counts in row.days.items()})
