"""Requests share waves: what waits is sent together, at most 32 of a host, and answered once Kafka has it.

What Kafka does not acknowledge in time fails, is told so, and is never sent behind its caller's back later.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple

from processor.errors import FleetfoldError
from processor.gateway.problems import ProblemError
from processor.publish.encoding import EncodedEvent
from processor.publish.publisher import EventPublisher, open_publisher
from processor.publish.waves import Wave
from processor.settings import Settings

__all__ = ["Forwarder"]

_LOG = logging.getLogger(__name__)
_PAUSE_S = 1.0
_PATIENCE_S = 10.0


@dataclass(eq=False, slots=True)
class _Job:
    """One request's events: how many are not acknowledged, and who waits for them."""

    left: int
    done: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def acknowledged(self) -> None:
        self.left -= 1
        if not self.left and not self.done.done():
            self.done.set_result(None)

    def failed(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(_unavailable(why))


class _Waiting(NamedTuple):
    event: EncodedEvent
    job: _Job


class Forwarder:
    """Sends what requests bring.

    Args:
        settings: which Kafka, and how many events may wait.
        on_wave: told how many seconds a wave took, acknowledged or not.
    """

    def __init__(self, settings: Settings, on_wave: Callable[[float], None] = lambda _: None) -> None:
        patience_s = min(settings.request_timeout_s, round(_PATIENCE_S))
        self._settings = settings.model_copy(update={"request_timeout_s": patience_s})
        self._queue: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._on_wave = on_wave
        self.trouble = "not connected yet"

    @property
    def pending(self) -> int:
        """How many events wait to be sent."""
        return len(self._queue)

    async def deliver(self, events: Sequence[EncodedEvent]) -> None:
        """Send events, and return once all are acknowledged.

        Raises:
            ProblemError: 429 too much waits already, 503 Kafka does not acknowledge them.
        """
        if not events:
            return
        if len(self._queue) + len(events) > self._settings.gateway_pending_max and self._queue:
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"{len(self._queue):,} events wait for Kafka already",
                headers={"Retry-After": "1"},
            )
        if self.trouble:
            raise _unavailable(self.trouble)
        job = _Job(len(events))
        self._queue.extend(_Waiting(event, job) for event in events)
        self._arrived.set()
        await job.done

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Forwarder"]:
        """Send in the background for the length of the block; what waits at its end is still sent."""
        task = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            if not self.trouble:
                await self._send_rest(task)
            task.cancel()
            await asyncio.wait([task])
            self._fail(list(self._queue), "the gateway stops")

    async def _send_rest(self, task: "asyncio.Task[None]") -> None:
        jobs = {waiting.job.done for waiting in self._queue}
        if jobs:
            await asyncio.wait([task, *jobs], timeout=_PATIENCE_S)

    async def _run(self) -> None:
        """Keep a connection, and send over it."""
        while True:
            try:
                async with open_publisher(self._settings, for_others=True) as publisher:
                    self.trouble = ""
                    await self._forward(publisher)
            except (FleetfoldError, OSError) as error:
                self.trouble = str(error)
            except Exception as error:  # noqa: BLE001  # requests are told, and the next attempt may work
                _LOG.exception("the gateway's sending failed: this is a bug")
                self.trouble = f"a bug in the gateway: {type(error).__name__}"
            waiting = list(self._queue)
            self._queue.clear()
            self._fail(waiting, self.trouble)
            await asyncio.sleep(_PAUSE_S)

    async def _forward(self, publisher: EventPublisher) -> None:
        while True:
            self._arrived.clear()
            while wave := self._next_wave():
                began_s = time.perf_counter()
                try:
                    await publisher.send_wave([waiting.event for waiting in wave])
                except BaseException as error:
                    self.trouble = (
                        str(error) or type(error).__name__
                    )  # before anyone asks whether we are ready
                    self._fail(wave, self.trouble)
                    raise
                finally:
                    self._on_wave(time.perf_counter() - began_s)
                for waiting in wave:
                    waiting.job.acknowledged()
            await self._arrived.wait()

    def _next_wave(self) -> list[_Waiting]:
        wave, taken, queue = Wave(), list[_Waiting](), self._queue
        while queue and wave.takes(queue[0].event.host):
            taken.append(queue.popleft())
        return taken

    @staticmethod
    def _fail(waiting: Sequence[_Waiting], why: str) -> None:
        for one in waiting:
            one.job.failed(why)


def _unavailable(why: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"not acknowledged: {why}. Send the request again, with the same event ids or Idempotency-Key",
        headers={"Retry-After": "5"},
    )
