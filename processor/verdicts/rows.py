"""The rows that verdicts rest on, in memory, and which components changed since somebody last asked.

Of each row only what the rules need is kept. A record that is no row is counted, and changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Final

import orjson

from processor.domain.facts import Facts, Fleet
from processor.domain.windows import Counts, Lately
from schemas.cofailure import parse_pair_key
from schemas.history import parse_history_key
from schemas.times import parse_us
from schemas.verdicts import ComponentVerdicts

__all__ = ["Pair", "Rows"]

Pair = tuple[str, str]

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_NONE: Final = Counts()
_COUNTS: Final = ("install_successes", "install_failures", "usage_count", "removal_count")
_Stats = tuple[int, int | None, int | None, int | None]
_UNSEEN: Final[_Stats] = (0, None, None, None)


class Rows:
    """All rows so far.

    Attributes:
        pairs: counts of pairs, a < b.
        failure_sessions: of components that stand in one.
        standing: rows of `verdicts`.
        touched: components whose rows changed; whoever looks empties it.
        pairs_changed: whether a count of a pair, or of sessions, changed; whoever looks resets it.
        bad: records that were no rows.
    """

    def __init__(self) -> None:
        self.pairs: dict[Pair, int] = {}
        self.failure_sessions: dict[str, int] = {}
        self.standing: dict[str, ComponentVerdicts] = {}
        self.touched: set[str] = set()
        self.pairs_changed = True
        self.bad = 0
        self._stats: dict[str, _Stats] = {}
        self._lately: dict[str, Lately] = {}
        self._fleet_hours: Counter[tuple[int, int]] = Counter()
        self._fleet_days: Counter[tuple[int, int]] = Counter()
        self._sessions: dict[bytes, int] = {}

    @property
    def components(self) -> set[str]:
        """All components of which anything is known."""
        return self._stats.keys() | self._lately.keys() | self.standing.keys()

    @property
    def sessions(self) -> int:
        """Failure sessions of the whole fleet."""
        return sum(self._sessions.values())

    def facts(self, component_id: str) -> Facts:
        """Return what is known of a component."""
        sessions, first_us, last_us, deprecated_us = self._stats.get(component_id, _UNSEEN)
        lately = self._lately.get(component_id) or Lately()
        return Facts(component_id, lately, sessions, first_us, last_us, deprecated_us)

    def fleet(self, now_us: int) -> Fleet:
        """Return what is known of the fleet at a moment."""
        lately = Lately(_by_number(self._fleet_hours), _by_number(self._fleet_days))
        return Fleet(lately, self.sessions, now_us)

    # What changes them.

    def take_stats(self, records: Iterable[Any]) -> None:
        """Take in records of `component-stats`."""
        self._take(records, self._put_stats)

    def take_pairs(self, records: Iterable[Any]) -> None:
        """Take in records of `co-failures`."""
        self._take(records, self._put_pair)

    def take_history(self, records: Iterable[Any]) -> None:
        """Take in records of `component-history`."""
        self._take(records, self._put_day)

    def take_totals(self, records: Iterable[Any]) -> None:
        """Take in records of `fleet-totals`."""
        self._take(records, self._put_totals)

    def take_verdicts(self, records: Iterable[Any]) -> None:
        """Take in records of `verdicts`."""
        self._take(records, self._put_verdicts)

    def _take(self, records: Iterable[Any], put: Callable[[bytes, bytes | None], None]) -> None:
        for record in records:
            try:
                put(record.key or b"", record.value)
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
                self.bad += 1

    def _put_stats(self, key: bytes, value: bytes | None) -> None:
        component_id = key.decode()
        if value is None:
            self._stats.pop(component_id, None)
            self.failure_sessions.pop(component_id, None)
        else:
            row = orjson.loads(value)
            sessions: int = row.get("failure_sessions", 0)
            times = (row[name] for name in ("first_seen", "last_failure", "deprecated_at"))
            first_us, last_us, deprecated_us = (None if time is None else parse_us(time) for time in times)
            self._stats[component_id] = sessions, first_us, last_us, deprecated_us
            if sessions != self.failure_sessions.get(component_id, 0):
                self.failure_sessions[component_id] = sessions
                self.pairs_changed = True
        self.touched.add(component_id)

    def _put_pair(self, key: bytes, value: bytes | None) -> None:
        pair = parse_pair_key(key)
        if value is None:
            self.pairs.pop(pair, None)
        else:
            self.pairs[pair] = int(orjson.loads(value)["count"])
        self.pairs_changed = True

    def _put_day(self, key: bytes, value: bytes | None) -> None:
        component_id, day_text = parse_history_key(key)
        day = date.fromisoformat(day_text).toordinal() - _EPOCH_DAY
        counts, hours = _NONE, dict[int, Counts]()
        if value is not None:
            row = orjson.loads(value)
            counts = Counts(*(row[name] for name in _COUNTS))
            hours = {day * 24 + int(hour): Counts(*told) for hour, told in row["hours"].items()}
        lately = self._lately.setdefault(component_id, Lately())
        old_hours = {
            hour: lately.hours.pop(hour) for hour in range(day * 24, day * 24 + 24) if hour in lately.hours
        }
        _replace(self._fleet_days, {day: lately.days.pop(day, _NONE)}, {day: counts})
        _replace(self._fleet_hours, old_hours, hours)
        lately.hours.update(hours)
        if value is not None:
            lately.days[day] = counts
        self.touched.add(component_id)

    def _put_totals(self, key: bytes, value: bytes | None) -> None:
        self._sessions[key] = 0 if value is None else int(orjson.loads(value)["sessions"])
        self.pairs_changed = True

    def _put_verdicts(self, key: bytes, value: bytes | None) -> None:
        component_id = key.decode()
        if value is None:
            self.standing.pop(component_id, None)
        else:
            self.standing[component_id] = ComponentVerdicts.model_validate_json(value)


def _replace(sums: Counter[tuple[int, int]], old: Mapping[int, Counts], new: Mapping[int, Counts]) -> None:
    """Take some hours or days out of the fleet's sums, and put others in."""
    for sign, parts in ((-1, old), (1, new)):
        for number, counts in parts.items():
            for place, count in enumerate(counts):
                if count:
                    sums[number, place] += sign * count


def _by_number(sums: Mapping[tuple[int, int], int]) -> dict[int, Counts]:
    found: dict[int, list[int]] = {}
    for (number, place), count in sums.items():
        found.setdefault(number, [0, 0, 0, 0])[place] = count
    return {number: Counts(*counts) for number, counts in found.items()}
