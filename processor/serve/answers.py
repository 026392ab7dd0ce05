"""The answers in memory, and what changes them: rows as they come from the topics. No broker, no clock.

None of the answers waits, and each may be asked from another thread as well.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any

from processor.domain.evidence import SHRINK_STRENGTH
from processor.serve.changes import ChangeLog, Kind
from processor.serve.historyrows import HistoryRows, NoHistoryError
from processor.serve.pairrows import Pair, PairRows
from processor.serve.sessionrows import SessionRows
from processor.serve.statsrows import StatsRows
from processor.serve.verdictrows import FleetRows, VerdictRows
from schemas import ComponentHistory, OutcomeStats

__all__ = ["Answers"]

_COUNT_LEAST = 2


class Answers:
    """What the rows say.

    Args:
        history: whether time lines are asked for; a fleet has many more days than components.

    Attributes:
        rows: the rows of `component-stats`.
        pairs: the rows of `co-failures`.
        sessions: the failure sessions by host.
        days: the rows of `component-history`; None unless they are asked for.
        verdicts: the rows of `verdicts`, and of `overrides`.
        fleet: what the fleet comes to.
        strength: how many installs at the fleet's rate stand behind a shrunk rate.
        changes: what changed since `ready`.
        ready: whether all rows are here; changes before that are no news.
    """

    def __init__(self, *, history: bool = False) -> None:
        self.rows = StatsRows()
        self.pairs = PairRows()
        self.sessions = SessionRows()
        self.days = HistoryRows() if history else None
        self.verdicts = VerdictRows()
        self.fleet = FleetRows()
        self.strength = SHRINK_STRENGTH
        self.changes = ChangeLog()
        self.ready = False
        self._rates = self.rows.rates

    def success_rate(self, component_id: str) -> float:
        """Return the share of installs that worked, in 0.0..1.0; 0.0 with no attempt, or if it is unknown."""
        rate = self._rates.get(component_id, 0.0)
        return max(rate, 0.0)

    def score_multiplier(self, component_id: str) -> float:
        """Return what a score is multiplied by: the success rate, and 1.0 with no attempt or if unknown."""
        rate = self._rates.get(component_id, 1.0)
        return rate if rate >= 0.0 else 1.0

    def stats(self, component_id: str) -> OutcomeStats | None:
        """Return all that is counted of a component; None if it is unknown."""
        value = self.rows.values.get(component_id)
        return None if value is None else OutcomeStats.model_validate_json(value)

    def problematic(self) -> list[str]:
        """Return the ids of components that fail often, by first seen, then id (T9, S3)."""
        return self.rows.in_order(list(self.rows.problematic))

    def frequently_removed(self, min_removals: int = 2) -> list[str]:
        """Return the ids of components with at least so many removals, by first seen, then id (T10, S3)."""
        removals = list(self.rows.removals.items())
        return self.rows.in_order(each for each, count in removals if count >= min_removals)

    def deprecated(self) -> list[str]:
        """Return the ids of components that someone called deprecated, by first seen, then id (T15, S3)."""
        return self.rows.in_order(list(self.rows.deprecated))

    def co_failures(self, component: str | None = None, min_count: int = _COUNT_LEAST) -> list[Pair]:
        """Return (a, b, sessions in which both failed), most frequent first, then by ids.

        Args:
            component: only pairs with this one.
            min_count: below this, a pair is called chance.
        """
        return self.pairs.at_least(min_count, component)

    def conflicts_with(self, component_id: str, min_count: int = _COUNT_LEAST) -> list[tuple[str, int]]:
        """Return who failed together with a component, and in how many sessions; most frequent first."""
        found = self.pairs.at_least(min_count, component_id)
        return [(b if a == component_id else a, count) for a, b, count in found]

    def history(self, component_id: str) -> ComponentHistory:
        """Return what happened to a component lately, by hour and by day; an empty one if it is unknown.

        Raises:
            NoHistoryError: time lines were not asked for.
        """
        if self.days is None:
            raise NoHistoryError("time lines are not followed: open the view with history=True")
        return self.days.history(component_id)

    @property
    def bad_rows(self) -> int:
        """Records so far that were no rows: something else writes to the topics."""
        bad_days = self.days.bad if self.days is not None else 0
        small = self.verdicts.bad + self.fleet.bad
        return self.rows.bad + self.pairs.bad + self.sessions.bad + bad_days + small

    # What changes them.

    def take_stats(self, records: Sequence[Any]) -> None:
        """Take in a run of `component-stats`."""
        changed, values = self.rows.put(records), self.rows.values
        if self.ready:
            self._note("component", {(each,): (0, values.get(each)) for each in changed})

    def take_pairs(self, records: Sequence[Any]) -> None:
        """Take in a run of `co-failures`."""
        put, get = self.pairs.put, self.pairs.get
        changed = dict.fromkeys(each for record in records if (each := put(record.key, record.value)))
        self._note("pair", {pair: (get(*pair), None) for pair in changed if self.ready})

    def take_sessions(self, records: Sequence[Any]) -> None:
        """Take in a run of `host-ledger`."""
        put = self.sessions.put
        hosts = (put(record.key, record.value) for record in records)
        changed = dict.fromkeys(host for host in hosts if host is not None)
        self._note("session", {(host,): (0, None) for host in changed if self.ready})

    def take_history(self, records: Sequence[Any]) -> None:
        """Take in a run of `component-history`."""
        if self.days is not None:
            changed = self.days.put(records)
            self._note("history", {(each,): (0, None) for each in changed if self.ready})

    def now(self) -> "Answers":
        """Return answers from the rows of now: they stay of one generation, whatever is adopted later."""
        return copy(self)

    def adopt(self, other: "Answers") -> None:
        """Answer from another one's rows from now on; what it takes in later is news here.

        Whoever follows the changes is told to look at everything anew.
        """
        self.rows, self.pairs, self.sessions, self.days = other.rows, other.pairs, other.sessions, other.days
        self.verdicts, self.fleet = other.verdicts, other.fleet
        self._rates = other.rows.rates
        other.changes, other.ready = self.changes, self.ready
        self.changes.begin_anew()

    def take_verdicts(self, records: Sequence[Any]) -> None:
        """Take in a run of `verdicts`."""
        changed = self.verdicts.put(records)
        self._note("verdict", {(each,): (0, None) for each in changed if self.ready})

    def take_overrides(self, records: Sequence[Any]) -> None:
        """Take in a run of `overrides`."""
        self._note("verdict", {(each,): (0, None) for each in self.verdicts.put_overrides(records)})

    def expire(self, now: datetime) -> None:
        """Let overrides end that have run out by now."""
        self._note("verdict", {(each,): (0, None) for each in self.verdicts.expire(now)})

    def take_totals(self, records: Sequence[Any]) -> None:
        """Take in a run of `fleet-totals`."""
        self.fleet.put(records)

    def _note(self, kind: Kind, changed: Mapping[tuple[str, ...], tuple[int, bytes | None]]) -> None:
        if changed and self.ready:
            self.changes.add(kind, changed)
