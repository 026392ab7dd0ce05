"""Components in the orders in which people want to see them, page by page, however many there are.

An order is made when somebody first asks for it, and kept up from then on. What takes long is done in small
parts, between which everything else goes on.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from heapq import nsmallest
from itertools import islice
from typing import Any, Literal

from sortedcontainers import SortedList

from processor.serve.queries import StatsRow
from processor.serve.statsrows import StatsRows, decoded
from schemas.times import parse_us

__all__ = ["Mark", "Ordered", "Sort"]

Sort = Literal["first_seen", "component_id", "failures", "removals", "usage", "success_rate", "last_failure"]
Key = str | float
Mark = tuple[Key, str]  # a component's place in an order: its key, then its id

_PART = 2_000  # a few milliseconds
_REFRESH_EVERY_S = 0.5
_SMALL = 20_000  # so many candidates are sorted faster than an order is walked


def _time_down(text: str | None) -> int:
    return 0 if text is None else -parse_us(text)


_KEYS: dict[Sort, Callable[[StatsRow], Key]] = {
    "first_seen": lambda row: row["first_seen"] or "",
    "component_id": lambda row: row["component_id"],
    "failures": lambda row: -row["install_failures"],
    "removals": lambda row: -row["removal_count"],
    "usage": lambda row: -row["usage_count"],
    "success_rate": lambda row: row["success_rate"],
    "last_failure": lambda row: _time_down(row["last_failure"]),
}


class Ordered:
    """All components, in every order that was asked for.

    Args:
        rows: the rows; nobody else may use their `touched`.

    Attributes:
        rows: the same.
    """

    def __init__(self, rows: StatsRows) -> None:
        self.rows = rows
        self._orders: dict[Sort, _Order] = {}
        self._lock = asyncio.Lock()
        self._refreshed_s = 0.0

    async def page(
        self,
        sort: Sort,
        limit: int,
        after: Mark | None = None,
        only: Iterable[str] | None = None,
        test: Callable[[str], bool] | None = None,
    ) -> list[Mark]:
        """Return the next components of an order.

        Args:
            sort: the order; counts and times go from the largest down, rates and ids from the smallest up.
            limit: how many at most.
            after: go on behind this place.
            only: of these components.
            test: of those whose id passes.
        """
        if only is not None:
            return await self._smallest(sort, limit, after, only, test)
        await self._refresh(sort)
        found: list[Mark] = []
        walk = self._orders[sort].walk(after)
        while len(found) < limit and (some := list(islice(walk, _PART if test else limit - len(found)))):
            found.extend(mark for mark in some if test is None or test(mark[1]))
            if test and len(found) < limit:
                await asyncio.sleep(0)
                walk = self._orders[sort].walk(some[-1])  # it may have changed meanwhile
        return found[:limit]

    async def with_prefix(self, prefix: str) -> list[str] | None:
        """Return the ids that begin so; None if they are many, so that it is better to walk and test."""
        await self._refresh("component_id")
        ids = self._orders["component_id"].walk((prefix, ""), inclusive=True)
        found: list[str] = []
        for number, (_, component_id) in enumerate(ids):
            if not component_id.startswith(prefix):
                return found
            if number >= _SMALL:
                return None
            found.append(component_id)
        return found

    async def _smallest(
        self,
        sort: Sort,
        limit: int,
        after: Mark | None,
        only: Iterable[str],
        test: Callable[[str], bool] | None,
    ) -> list[Mark]:
        found: list[Mark] = []
        candidates = iter(only)
        while some := list(islice(candidates, _PART)):
            marks = (
                mark for each in some if (test is None or test(each)) and (mark := self._mark(sort, each))
            )
            found = nsmallest(limit, [*found, *(mark for mark in marks if after is None or mark > after)])
            await asyncio.sleep(0)
        return found

    def _mark(self, sort: Sort, component_id: str) -> Mark | None:
        value = self.rows.values.get(component_id)
        return None if value is None else (_KEYS[sort](decoded(value)), component_id)

    async def _refresh(self, sort: Sort) -> None:
        """Bring the orders up to now, and make this one if it is not there."""
        async with self._lock:
            if time.monotonic() - self._refreshed_s >= _REFRESH_EVERY_S:
                await self._take_touched()
            if sort not in self._orders:
                await self._make(sort)

    async def _make(self, sort: Sort) -> None:
        if self.rows.touched is None:
            self.rows.touched = set()
        order = _Order()
        ids = iter(list(self.rows.values))
        while some := list(islice(ids, _PART)):
            order.put((each, self._mark(sort, each)) for each in some)
            await asyncio.sleep(0)
        self._orders[sort] = order  # what changed meanwhile is in `touched`
        self._refreshed_s = 0.0

    async def _take_touched(self) -> None:
        touched, self.rows.touched = self.rows.touched, set()
        ids = iter(touched or ())
        while some := list(islice(ids, _PART)):
            for sort, order in self._orders.items():
                order.put((each, self._mark(sort, each)) for each in some)
            await asyncio.sleep(0)
        self._refreshed_s = time.monotonic()


class _Order:
    """One order."""

    def __init__(self) -> None:
        self._marks: Any = SortedList()
        self._keys: dict[str, Key] = {}

    def put(self, places: Iterable[tuple[str, Mark | None]]) -> None:
        """Move components to their places; one without a place leaves."""
        new, old = [], []
        for component_id, mark in places:
            before = self._keys.get(component_id)
            if mark is not None and before == mark[0]:
                continue
            if before is not None:
                old.append((before, component_id))
            if mark is None:
                self._keys.pop(component_id, None)
            else:
                self._keys[component_id] = mark[0]
                new.append(mark)
        for mark in old:
            self._marks.remove(mark)
        self._marks.update(new)

    def walk(self, after: Mark | None, *, inclusive: bool = False) -> Iterator[Mark]:
        """Yield places in order; nothing may change while it goes on."""
        walk: Iterator[Mark] = self._marks.irange(minimum=after, inclusive=(inclusive, True))
        return walk
