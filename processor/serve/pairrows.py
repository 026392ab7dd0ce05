"""The rows of `co-failures` in memory: for each component, who failed together with it, how often."""

from collections.abc import Iterator

import orjson

from schemas.cofailure import parse_pair_key

__all__ = ["Pair", "PairRows"]

Pair = tuple[str, str, int]


class PairRows:
    """All pairs, to be looked up from either side.

    Attributes:
        partners: component, to component that failed together with it, to the count of sessions.
        count: how many pairs there are.
        bad: records so far that were no rows; they changed nothing.
    """

    __slots__ = ("_ids", "bad", "count", "partners")

    def __init__(self) -> None:
        self.partners: dict[str, dict[str, int]] = {}
        self.count = 0
        self.bad = 0
        self._ids: dict[str, str] = {}  # each id once in memory, however many pairs name it

    def put(self, key: bytes | None, value: bytes | None) -> tuple[str, str] | None:
        """Take in one record of the topic.

        Returns:
            The pair whose count it changed; None if it changed none.
        """
        try:
            a, b = parse_pair_key(key or b"")
            count = 0 if value is None else orjson.loads(value)["count"]
            wrong = type(count) is not int or (value is not None and count < 1)
        except (ValueError, KeyError, TypeError):
            wrong = True
        if wrong:
            self.bad += 1
            return None
        if not count:
            return self._remove(a, b)
        a, b = self._ids.setdefault(a, a), self._ids.setdefault(b, b)
        of_a, of_b = self.partners.setdefault(a, {}), self.partners.setdefault(b, {})
        self.count += b not in of_a
        of_a[b] = of_b[a] = count
        return a, b

    def _remove(self, a: str, b: str) -> tuple[str, str] | None:
        if self.partners.get(a, {}).pop(b, None) is None:
            return None
        del self.partners[b][a]
        for component_id in (a, b):
            if not self.partners[component_id]:
                del self.partners[component_id], self._ids[component_id]
        self.count -= 1
        return a, b

    def get(self, a: str, b: str) -> int:
        """Return in how many sessions both failed; 0 if they never did."""
        return self.partners.get(a, {}).get(b, 0)

    def all(self) -> Iterator[Pair]:
        """Yield every pair once, its ids in order; nothing may change meanwhile."""
        for a, of_a in self.partners.items():
            for b, count in of_a.items():
                if a < b:
                    yield a, b, count

    def at_least(self, min_count: int, component: str | None = None) -> list[Pair]:
        """Return the pairs of that count or more, most frequent first, then by ids.

        Args:
            min_count: sessions in which both failed.
            component: only pairs with this one.
        """
        if component is None:
            found = [pair for pair in self.all() if pair[2] >= min_count]
        else:
            found = [
                (component, other, count) if component < other else (other, component, count)
                for other, count in self.partners.get(component, {}).items()
                if count >= min_count
            ]
        found.sort(key=lambda pair: (-pair[2], pair[0], pair[1]))
        return found
