"""Between an installer and the thread that sends for it stands a queue with a limit."""

import threading
import time
from collections import deque
from typing import NamedTuple

from processor.publish.encoding import EncodedEvent
from processor.publish.receipt import Receipt
from processor.publish.waves import Wave

__all__ = ["Outbox", "Pending"]


class Pending(NamedTuple):
    """An event that waits in memory, and its receipt."""

    event: EncodedEvent
    receipt: Receipt


class Outbox:
    """A bounded queue of events; its length is how many are not settled, on their way or waiting.

    Args:
        max_events: how many it holds.
        max_bytes: how much it holds, by keys and values.
    """

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._events: deque[Pending] = deque()
        self._bytes = 0
        self._unsettled = 0
        self.is_closed = False
        self.changed = threading.Condition()

    def put(self, pending: Pending, wait_s: float = 0.0) -> bool:
        """Add an event, and wait for room so long; returns whether it was added: not when closed or full."""
        size = len(pending.event.host) + len(pending.event.value)
        with self.changed:
            if self.is_closed:
                return False
            if not self._has_room(size) and not (
                wait_s > 0 and self.changed.wait_for(lambda: self._has_room(size), wait_s)
            ):
                return False
            self._events.append(pending)
            self._unsettled += 1
            self._bytes += size
            return True

    def take_wave(self) -> list[Pending]:
        """Take the first events that may be on their way together; `done` must follow. For one thread."""
        wave, taken, waiting = Wave(), list[Pending](), self._events
        # Without the lock: nobody else takes from the left.
        while waiting and wave.takes(waiting[0].event.host):
            taken.append(waiting.popleft())
        return taken

    def close(self) -> list[Pending]:
        """Take no more, and return everything that waits; `done` must follow."""
        with self.changed:
            self.is_closed = True
            events = list(self._events)
            self._events.clear()
        return events

    def done(self, wave: list[Pending]) -> None:
        """Make room: these events are settled."""
        size = sum(len(one.event.host) + len(one.event.value) for one in wave)
        with self.changed:
            self._bytes -= size
            self._unsettled -= len(wave)
            self.changed.notify_all()

    def wait_until_empty(self, timeout_s: float | None) -> bool:
        """Wait until every event is settled, at most so long; returns whether all are."""
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        with self.changed:
            left_s = None if until_s is None else until_s - time.monotonic()
            return self.changed.wait_for(lambda: not len(self), left_s)

    def __len__(self) -> int:
        return self._unsettled

    def _has_room(self, size: int) -> bool:
        return self._unsettled < self._max_events and (
            not self._unsettled or self._bytes + size <= self._max_bytes
        )
