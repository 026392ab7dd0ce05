"""Accepted means safe: acknowledged by Kafka, or on this machine's disk. A receipt says which, or why not.

A receipt is settled once, by the thread that sends; it can be waited for in a thread or awaited in any loop.
"""

import asyncio
import threading
from collections.abc import Generator, Iterable
from enum import StrEnum
from typing import Any

__all__ = ["Receipt", "Status", "settle"]


class Status(StrEnum):
    """What became of an event."""

    KAFKA = "kafka"
    SPOOL = "spool"
    REFUSED = "refused"
    OPTED_OUT = "opted_out"


_ACCEPTED = frozenset({Status.KAFKA, Status.SPOOL})


class Receipt:
    """What became of one event; `status` is None while nobody knows.

    Attributes:
        event_id: the event's id, as text; "" if it is no valid event.
        status: where it is.
    """

    __slots__ = ("_signal", "_waiters", "_why", "event_id", "status")

    def __init__(self, signal: threading.Condition, event_id: str = "") -> None:
        self._signal = signal
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] | None = None
        self.event_id = event_id
        self.status: Status | None = None
        self._why: tuple[str, str, str] | None = None

    @property
    def accepted(self) -> bool:
        """Whether the event is safe."""
        return self.status in _ACCEPTED

    @property
    def error(self) -> str:
        """Why it was refused, in words; "" otherwise."""
        return self._why[0] if self._why else ""

    @property
    def reason(self) -> str:
        """Why it was refused, as a code of `schemas.wire` or such as `spool_full`, `queue_full`."""
        return self._why[1] if self._why else ""

    @property
    def field(self) -> str:
        """The field at fault, if it was refused for what it says."""
        return self._why[2] if self._why else ""

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is settled, at most so long; returns whether it is."""
        with self._signal:
            return self._signal.wait_for(lambda: self.status is not None, timeout_s)

    def __await__(self) -> Generator[Any, None, "Receipt"]:
        future: asyncio.Future[None] | None = None
        with self._signal:
            if self.status is None:
                loop = asyncio.get_running_loop()
                future = loop.create_future()
                self._waiters = [*(self._waiters or ()), (loop, future)]
        if future is not None:
            yield from future
        return self

    def __repr__(self) -> str:
        return f"<Receipt {self.event_id or '-'} {self.status or 'pending'} {self.error}>".replace(" >", ">")

    def refuse(self, error: str, reason: str, field: str = "", status: Status = Status.REFUSED) -> "Receipt":
        """Settle it as not accepted, and return it; only for one that nobody waits for yet."""
        self._why, self.status = (error, reason, field), status
        return self


def settle(
    receipts: Iterable[Receipt],
    signal: threading.Condition,
    status: Status,
    error: str = "",
    reason: str = "",
) -> None:
    """Settle receipts that share a signal, and wake whoever waits for one."""
    why = (error, reason, "") if error else None
    with signal:
        for receipt in receipts:
            receipt._why, receipt.status = why, status  # noqa: SLF001  # the two are one
            if receipt._waiters is not None:  # noqa: SLF001  # the same
                for loop, future in receipt._waiters:  # noqa: SLF001  # the same
                    _wake(loop, future)
        signal.notify_all()


def _wake(loop: asyncio.AbstractEventLoop, future: "asyncio.Future[None]") -> None:
    try:
        loop.call_soon_threadsafe(lambda: None if future.done() else future.set_result(None))
    except RuntimeError:
        return  # that loop is closed: nobody waits there any more
