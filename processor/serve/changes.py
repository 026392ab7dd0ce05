"""What changed lately, in order and numbered, so that any number of readers follow at their own pace.

A reader holds the number of the last change that it has seen. The log is bounded: a reader that falls
behind its start is told so, and looks at the rows anew. Nobody's slowness costs memory, or anybody else time.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from processor.serve.queries import StatsRow
from processor.serve.statsrows import decoded

__all__ = ["Change", "ChangeLog", "Kind", "MissedError"]

Kind = Literal["component", "pair", "session", "history", "verdict"]
_KEPT = 20_000


class MissedError(Exception):
    """Changes that were asked for are no longer kept: look at the rows, and follow on from there."""


@dataclass(frozen=True, slots=True)
class Change:
    """One row that changed.

    Attributes:
        number: counts up by one from 1, over all kinds.
        kind: of which table.
        ids: the component (of `history` and `verdict`, too); the pair's two; or the host.
        count: a pair's count after the change; 0 if it is gone, and for the other kinds.
        value: a component's row as on its topic; None if it is gone, and for the other kinds.
    """

    number: int
    kind: Kind
    ids: tuple[str, ...]
    count: int = 0
    value: bytes | None = field(default=None, repr=False)

    @property
    def row(self) -> StatsRow | None:
        """A component's row after the change."""
        return None if self.value is None else decoded(self.value)


class ChangeLog:
    """The last changes.

    Args:
        kept: how many.

    Attributes:
        epoch: says which log it is: numbers of another process's log mean nothing here.
        last: the number of the newest change; 0 before the first.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self.epoch = secrets.token_hex(4)
        self.last = 0
        self._changes: deque[Change] = deque(maxlen=kept)
        self._waiters: set[asyncio.Future[None]] = set()
        self._ended = False

    def add(self, kind: Kind, changed: Mapping[tuple[str, ...], tuple[int, bytes | None]]) -> None:
        """Append changes: by ids, the count and the value after the change."""
        for ids, (count, value) in changed.items():
            self.last += 1
            self._changes.append(Change(self.last, kind, ids, count, value))

    def begin_anew(self) -> None:
        """Forget all changes: the rows are others now, and every reader is told that it missed some."""
        self._changes.clear()
        self.last += 1

    def since(self, number: int, limit: int = 1_000) -> list[Change]:
        """Return the changes after a number, oldest first.

        Raises:
            MissedError: some of them are gone, or the number is from the future.
        """
        first = self.last - len(self._changes) + 1
        if number < first - 1 or number > self.last:
            raise MissedError(f"changes {number + 1} to {first - 1} are no longer kept")
        begin = number + 1 - first
        return list(islice(self._changes, begin, begin + limit))

    async def wait(self, number: int) -> bool:
        """Return once there is a change after a number: True; or once the log has ended: False."""
        while self.last <= number and not self._ended:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)
        return not self._ended

    def wake(self) -> None:
        """Let those who wait look again."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def end(self) -> None:
        """Nothing more will come."""
        self._ended = True
        self.wake()
