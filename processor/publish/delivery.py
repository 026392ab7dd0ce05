"""A wave of events ends in Kafka or in the spool, within a bounded time; no other end loses it silently.

What waits in the spool goes first. While no Kafka answers, events go to the spool without asking again
until a pause is over, which doubles from one attempt to the next. Whatever failed under way may have
arrived: it is spooled as it is, and its event id tells the copies apart.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, NamedTuple

from processor.errors import FleetfoldError
from processor.publish.encoding import EncodedEvent
from processor.publish.optout import opted_out
from processor.publish.publisher import EventPublisher, PublishError, drain_wave, open_publisher
from processor.publish.receipt import Status
from processor.publish.spool import Spool, SpoolError
from processor.publish.turns import turn
from processor.settings import Settings

__all__ = ["Delivery", "Fate"]

_CONNECT_S = 3.0
_DRAIN_FIRST_S = 1.0
_PAUSE_S = 1.0
_PAUSE_MAX_S = 60.0


class Fate(NamedTuple):
    """What became of the next `events` of a wave: how many, where they are, and why not accepted."""

    events: int
    status: Status
    error: str = ""
    reason: str = ""


class Delivery:
    """Delivers waves of one machine's events; all of it runs in one loop.

    Args:
        settings: which Kafka.
        spool: where events wait.
        patience_s: how long a wave may take to be acknowledged before it is spooled.
        tell: called with each new trouble, in words, and with "" when Kafka answers again.
    """

    def __init__(
        self, settings: Settings, spool: Spool, patience_s: float, tell: Callable[[str], None]
    ) -> None:
        self._settings = settings.model_copy(update={"request_timeout_s": max(1, round(patience_s))})
        self._spool = spool
        self._patience_s = patience_s
        self._tell = tell
        self._publisher: EventPublisher | None = None
        self._stack = AsyncExitStack()
        self._retry_at_s = 0.0
        self._pause_s = 0.0
        self._broken = False
        self._trouble = ""
        self._deadline_s: float | None = None
        self._clock: asyncio.Timeout | None = None

    def hurry(self, deadline_s: float) -> None:
        """Let nothing take longer than until then (`time.monotonic`), what is under way included."""
        self._deadline_s = deadline_s
        if self._clock is not None:
            left_s = deadline_s - time.monotonic()
            when_s = asyncio.get_running_loop().time() + max(0.0, left_s)
            until_s = self._clock.when()
            with suppress(RuntimeError):  # it is over already
                self._clock.reschedule(when_s if until_s is None else min(when_s, until_s))

    async def send(self, wave: Sequence[EncodedEvent]) -> list[Fate]:
        """Deliver events that may be on their way together, and say what became of them, in their order."""
        if (why := opted_out()) is not None:
            return [
                Fate(
                    len(wave),
                    Status.OPTED_OUT,
                    f"nothing is published from here: {why} forbids it",
                    "opted_out",
                )
            ]
        try:
            async with turn(self._spool.path, self._left_s(), lambda: not self._left_s()) as ours:
                if ours and await self._attempt(self._send_behind_spool(wave)):
                    return [Fate(len(wave), Status.KAFKA)]
                # Still our turn: nothing overtakes what is spooled here, and what is under way ends before.
                fates = self._keep(wave)
                await self._disconnect_if_broken()
                return fates
        except OSError as error:
            return await self._send_without_spool(wave, error)

    async def drain(self) -> int:
        """Send one wave of what waits, if it is our turn and Kafka answers; returns how many events."""
        if opted_out() is not None:
            return 0
        sent = 0

        async def drain_one() -> bool:
            nonlocal sent
            sent = await drain_wave(self._spool, self._connected())
            return True

        try:
            async with turn(self._spool.path, 0) as ours:
                if ours:
                    await self._attempt(drain_one())
                    await self._disconnect_if_broken()
        except OSError as error:
            self._say(f"the spool {self._spool.path} cannot be used: {error.strerror or error}")
        return sent

    def drain_in_s(self) -> float | None:
        """Return when to drain next, in how many seconds; None when nothing waits."""
        try:
            if self._spool.is_empty():
                return None
        except SpoolError as error:
            self._say(str(error))
            return None
        return max(0.0, self._retry_at_s - time.monotonic())

    async def close(self) -> None:
        """Give up the connection and close the spool."""
        await self._disconnect()
        self._spool.close()

    async def _attempt(self, work: Coroutine[Any, Any, bool]) -> bool:
        """Do what needs Kafka, within our patience; returns whether it was done."""
        try:
            async with self._bounded():
                return await self._connect() and await work
        except TimeoutError:
            self._lost(f"no answer within {self._patience_s:g} s from {self._settings.bootstrap}")
        except FleetfoldError as error:
            self._lost(str(error))
        finally:
            work.close()
        return False

    async def _send_behind_spool(self, wave: Sequence[EncodedEvent]) -> bool:
        """Send a wave if nothing waits before it; what waits is sent first, for a short time."""
        publisher = self._connected()
        until_s = time.monotonic() + _DRAIN_FIRST_S
        while await drain_wave(self._spool, publisher):
            if time.monotonic() > until_s and not self._spool.is_empty():
                return False
        await publisher.send_wave(wave)
        return True

    def _keep(self, wave: Sequence[EncodedEvent]) -> list[Fate]:
        """Put events into the spool, as many as it takes."""
        try:
            kept = self._spool.append(wave)
        except SpoolError as error:
            self._say(str(error))
            return [Fate(len(wave), Status.REFUSED, f"{error}; {self._trouble}".rstrip("; "), "spool_failed")]
        fates = [Fate(kept, Status.SPOOL)] if kept else []
        if kept < len(wave):
            full = (
                f"the spool {self._spool.path} is full ({self._spool.max_bytes:,} bytes, "
                "FLEETFOLD_SPOOL_MAX_MB): what is in it stays, and goes out once Kafka is in reach"
            )
            self._say(full)
            fates.append(Fate(len(wave) - kept, Status.REFUSED, full, "spool_full"))
        return fates

    async def _send_without_spool(self, wave: Sequence[EncodedEvent], why: OSError) -> list[Fate]:
        """Send events where there is no folder for a spool: to Kafka, or not at all."""

        async def send() -> bool:
            await self._connected().send_wave(wave)
            return True

        if await self._attempt(send()):
            return [Fate(len(wave), Status.KAFKA)]
        await self._disconnect_if_broken()
        text = f"{self._trouble}; and no spool in {self._spool.path.parent}: {why.strerror or why}"
        return [Fate(len(wave), Status.REFUSED, text, "spool_failed")]

    def _left_s(self) -> float:
        """How long the next thing may take."""
        if self._deadline_s is None:
            return self._patience_s
        return min(self._patience_s, max(0.0, self._deadline_s - time.monotonic()))

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        """Let the block take as long as our patience, or until the deadline."""
        try:
            async with asyncio.timeout(self._left_s()) as self._clock:
                yield
        finally:
            self._clock = None

    async def _connect(self) -> bool:
        """Whether there is a connection; makes one unless the last attempt is not long ago."""
        if self._publisher is not None:
            return True
        if time.monotonic() < self._retry_at_s:
            return False
        try:
            async with asyncio.timeout(_CONNECT_S):
                self._publisher = await self._stack.enter_async_context(open_publisher(self._settings))
        except TimeoutError:
            self._lost(f"no Kafka answers at {self._settings.bootstrap} within {_CONNECT_S:g} s")
        except (FleetfoldError, OSError) as error:
            self._lost(str(error))
        else:
            self._pause_s = 0.0
            self._say("")
        return self._publisher is not None

    def _connected(self) -> EventPublisher:
        if self._publisher is None:
            raise PublishError("not connected")
        return self._publisher

    def _lost(self, why: str) -> None:
        """Note that the connection is of no use, and pause before the next attempt."""
        self._say(why)
        self._pause_s = min(_PAUSE_MAX_S, self._pause_s * 2 or _PAUSE_S)
        self._retry_at_s = time.monotonic() + self._pause_s
        self._broken = True

    async def _disconnect_if_broken(self) -> None:
        if self._broken:
            await self._disconnect()

    async def _disconnect(self) -> None:
        self._publisher, self._broken = None, False
        stack, self._stack = self._stack, AsyncExitStack()
        try:
            await stack.aclose()
        except (FleetfoldError, OSError) as error:
            self._say(str(error))

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._tell(trouble)
