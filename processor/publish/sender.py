"""One thread sends for a publisher, so that its caller neither waits for the network nor for the disk.

It lives as long as there is a publisher; it is a daemon, and `close` is bounded: what Kafka has not
acknowledged by then is in the spool, and what is not even there is refused. The Kafka client is loaded in
the thread.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from processor.publish.outbox import Outbox, Pending
from processor.publish.receipt import Status, settle
from processor.publish.spool import Spool
from processor.settings import Settings

if TYPE_CHECKING:
    from processor.publish.delivery import Delivery, Fate

__all__ = ["Sender"]

_DRAIN_AGAIN_S = 1.0
_GRACE_S = 3.0


class Sender:
    """The thread, and what it shares with its publisher.

    Args:
        settings: which Kafka.
        spool: where events wait on disk.
        outbox: where they wait in memory.
        signal: the condition of all receipts.
        patience_s: how long a wave may take.
        tell: called in the thread with each new trouble.
    """

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        outbox: Outbox,
        signal: threading.Condition,
        patience_s: float,
        tell: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._outbox = outbox
        self._signal = signal
        self._patience_s = patience_s
        self._tell = tell
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._idle = False
        self._deadline_s: float | None = None
        self._delivery: Delivery | None = None
        self._wave: list[Pending] = []
        self._thread = threading.Thread(target=self._run, name="fleetfold-publisher", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs; after a fork it does not run in the child."""
        return self._thread.is_alive()

    def nudge(self) -> None:
        """Tell the thread that there is something to send; costs nothing while it is at work."""
        if self._idle and self._loop is not None:
            self._idle = False
            with suppress(RuntimeError):  # it has just ended: `put` after `close` is settled there
                self._loop.call_soon_threadsafe(self._wake.set)

    def close(self, timeout_s: float) -> bool:
        """Send or spool what is left, and end the thread; returns whether it ended in time."""
        self._deadline_s = time.monotonic() + timeout_s
        if self._loop is not None:
            with suppress(RuntimeError):  # it ended by itself
                self._loop.call_soon_threadsafe(self._hurry)
        self._thread.join(timeout_s + _GRACE_S)
        return not self._thread.is_alive()

    def _hurry(self) -> None:
        self._wake.set()
        if self._delivery is not None and self._deadline_s is not None:
            self._delivery.hurry(self._deadline_s)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self._tell(f"the publisher's thread ended: {type(error).__name__}: {error}")
            raise
        finally:
            self._refuse_rest()

    async def _main(self) -> None:
        from processor.publish.delivery import Delivery  # noqa: PLC0415  # loads the Kafka client

        self._loop = asyncio.get_running_loop()
        delivery = self._delivery = Delivery(self._settings, self._spool, self._patience_s, self._tell)
        try:
            while True:
                if self._deadline_s is not None:
                    delivery.hurry(self._deadline_s)
                if wave := self._outbox.take_wave():
                    self._wave = wave
                    self._settle(wave, await delivery.send([one.event for one in wave]))
                elif self._deadline_s is not None:
                    return
                else:
                    await self._rest(delivery)
        finally:
            await delivery.close()

    async def _rest(self, delivery: "Delivery") -> None:
        """Wait for something to do; what waits in the spool is sent meanwhile."""
        wait_s = delivery.drain_in_s()
        if wait_s == 0:
            if await delivery.drain():
                return
            wait_s = _DRAIN_AGAIN_S
        self._wake.clear()
        self._idle = True
        if not len(self._outbox) and self._deadline_s is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
        self._idle = False

    def _settle(self, wave: list[Pending], fates: "list[Fate]") -> None:
        first = 0
        for fate in fates:
            part = wave[first : first + fate.events]
            first += fate.events
            settle((one.receipt for one in part), self._signal, fate.status, fate.error, fate.reason)
        self._wave = []
        self._outbox.done(wave)

    def _refuse_rest(self) -> None:
        """Settle what nobody will send any more."""
        left = self._wave + self._outbox.close()
        unsettled = [one.receipt for one in left if one.receipt.status is None]
        settle(unsettled, self._signal, Status.REFUSED, "the publisher was closed", "closed")
        self._outbox.done(left)
