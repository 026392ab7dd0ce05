"""For installers: `record` an outcome in one line. It neither raises nor waits for long unless asked to.

with BlockingPublisher() as publisher:
    publisher.record("pkg:pypi/ruff@0.14", "install_success")
    with publisher.installing("pkg:pypi/mypy@1.19"):
        install()

async with Publisher() as publisher:
    receipt = await publisher.record("pkg:pypi/ruff@0.14", "install_failure", context="no wheel")
    await receipt
"""

import asyncio
import atexit
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from processor.errors import FleetfoldError
from processor.publish.core import Core, Limits
from processor.publish.installing import Installing
from processor.publish.receipt import Receipt
from processor.settings import Settings

__all__ = ["BlockingPublisher", "Limits", "NotAcceptedError", "Publisher"]


class NotAcceptedError(FleetfoldError):
    """An event was not accepted, and the publisher was asked to raise.

    Attributes:
        receipt: says why.
    """

    def __init__(self, receipt: Receipt) -> None:
        super().__init__(receipt.error or "the event was not accepted in time")
        self.receipt = receipt


class _Base:
    def __init__(
        self,
        settings: Settings | None = None,
        *,
        host: str | None = None,
        plain_host: bool | None = None,
        state_dir: Path | None = None,
        limits: Limits | None = None,
        on_trouble: Callable[[str], None] | None = None,
        raise_errors: bool = False,
    ) -> None:
        """Make a publisher; nothing is connected before the first event.

        Args:
            settings: which Kafka and topic, salt and spool; from the environment and `.env` by default.
            host: this machine's name; by default `FLEETFOLD_HOST_ID`, else the machine's id.
            plain_host: publish names of hosts as they are instead of their hashes; by default as set.
            state_dir: where the spool is; by default `FLEETFOLD_STATE_DIR`, else the user's state folder.
            limits: of time and memory.
            on_trouble: called, in any thread, with each new trouble in words, and with "" when it is over.
            raise_errors: raise `NotAcceptedError` from `record` instead of only saying so on the receipt.
        """
        self._core = Core(settings, host, plain_host, state_dir, limits or Limits(), on_trouble)
        self._raise_errors = raise_errors

    def installing(self, component_id: str, context: str = "") -> Installing:
        """Return a context manager and decorator that reports how an install went.

        Args:
            component_id: what is installed.
            context: what a success says; a failure says what was raised, redacted.
        """
        return Installing(self._offer, component_id, context)

    def _offer(self, component_id: str, outcome_type: str, context: str) -> Receipt:
        """Queue an event of now if there is room at once."""
        receipt, pending = self._core.prepare(
            component_id, outcome_type, context, host_id=None, timestamp=None, event_id=None
        )
        return receipt if pending is None else self._core.queue(pending, 0.0)

    def _checked(self, receipt: Receipt, *, waited: bool) -> Receipt:
        known = receipt.status is not None
        if self._raise_errors and not receipt.accepted and (known or waited):
            raise NotAcceptedError(receipt)
        return receipt


class BlockingPublisher(_Base):
    """Publishes from ordinary code; safe to use from several threads."""

    def record(
        self,
        component_id: str,
        outcome_type: str,
        context: str = "",
        *,
        host_id: str | None = None,
        timestamp: datetime | None = None,
        event_id: UUID | None = None,
        wait: bool = False,
    ) -> Receipt:
        """Report an outcome, and return its receipt: what became of the event, or will.

        Args:
            component_id: what it is about, such as a package URL; published as it is.
            outcome_type: one of `OutcomeType`.
            context: free text for people; redacted and cut.
            host_id: the name of another host; hashed unless hosts are plain.
            timestamp: when it happened; now by default.
            event_id: the same for each copy of one event; a new UUIDv7 by default.
            wait: wait until it is accepted or refused, at most twice the limits' patience.

        Raises:
            NotAcceptedError: it is refused, and the publisher was asked to raise.
        """
        receipt, pending = self._core.prepare(
            component_id, outcome_type, context, host_id=host_id, timestamp=timestamp, event_id=event_id
        )
        if pending is not None:
            self._core.queue(pending, self._core.limits.room_wait_s)
            if wait:
                receipt.wait(2 * self._core.limits.patience_s)
        return self._checked(receipt, waited=wait)

    def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until every event is accepted or refused, at most so long; returns whether all are."""
        return self._core.flush(timeout_s)

    def close(self, timeout_s: float | None = None) -> bool:
        """Send what is queued, and spool what cannot be sent in time (by default the limits' `close_s`).

        Returns:
            Whether all of it was settled in time.
        """
        atexit.unregister(self.close)
        return self._core.close(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self.close()

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # its arguments are the base's
        atexit.register(self.close)  # a script that just ends loses nothing


class Publisher(_Base):
    """Publishes from asyncio code; the loop waits for neither network nor disk."""

    async def record(
        self,
        component_id: str,
        outcome_type: str,
        context: str = "",
        *,
        host_id: str | None = None,
        timestamp: datetime | None = None,
        event_id: UUID | None = None,
        wait: bool = False,
    ) -> Receipt:
        """Report an outcome, and return its receipt, which can be awaited. As `BlockingPublisher.record`.

        Raises:
            NotAcceptedError: it is refused, and the publisher was asked to raise.
        """
        receipt, pending = self._core.prepare(
            component_id, outcome_type, context, host_id=host_id, timestamp=timestamp, event_id=event_id
        )
        if pending is not None:
            if not self._core.has_room(pending):
                await asyncio.to_thread(self._core.queue, pending, self._core.limits.room_wait_s)
            if wait:
                try:
                    async with asyncio.timeout(2 * self._core.limits.patience_s):
                        await receipt
                except TimeoutError:
                    pass  # the receipt is not settled, which says so
        return self._checked(receipt, waited=wait)

    async def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until every event is accepted or refused, at most so long; returns whether all are."""
        return await asyncio.to_thread(self._core.flush, timeout_s)

    async def close(self, timeout_s: float | None = None) -> bool:
        """Send what is queued, and spool what cannot be sent in time; returns whether all was settled."""
        return await asyncio.to_thread(self._core.close, timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        await self.close()
