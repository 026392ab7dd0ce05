"""What the two publishers share: it makes events, queues them, and keeps count. It raises nothing by itself.

Whatever goes wrong is on the receipt, is counted, and is told once to `on_trouble` (by default a warning in
the log of `fleetfold.publish`). After a fork the child gets a thread of its own; what the parent had queued
stays the parent's.
"""

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from processor.errors import FleetfoldError
from processor.publish.host import HostError, host_id_from
from processor.publish.making import EventMaker, RefusedEventError
from processor.publish.optout import opted_out
from processor.publish.outbox import Outbox, Pending
from processor.publish.receipt import Receipt, Status
from processor.publish.sender import Sender
from processor.publish.spool import Spool, spool_path
from processor.publish.state import state_dir_from
from processor.settings import Settings, load_settings
from schemas.topics import OUTCOME_EVENTS

__all__ = ["Core", "Limits", "spool_for"]

_LOG = logging.getLogger("fleetfold.publish")
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a publisher may take of its caller's time and memory.

    Attributes:
        patience_s: how long Kafka may take to acknowledge before events are spooled.
        room_wait_s: how long `record` waits when the queue is full; then the event is refused. 0: not at all.
        close_s: how long `close` sends on; what is left then is spooled.
        queue_events: how many events wait in memory.
        queue_bytes: how much of it, by keys and values.
    """

    patience_s: float = 5.0
    room_wait_s: float = 1.0
    close_s: float = 5.0
    queue_events: int = 20_000
    queue_bytes: int = 16_000_000


def spool_for(settings: Settings, state_dir: Path | None = None) -> Spool:
    """Return the spool of the Kafka and topic that the settings name.

    Args:
        settings: where events go, and how much may wait.
        state_dir: where the file is; by default `FLEETFOLD_STATE_DIR`, else the user's state folder.
    """
    topic = settings.topic(OUTCOME_EVENTS)
    path = spool_path(state_dir or state_dir_from(), settings.bootstrap, topic)
    about = {"bootstrap": settings.bootstrap, "topic": topic}
    return Spool(path, settings.spool_max_mb * _MEGABYTE, about)


class Core:
    """Makes, queues and counts.

    Args:
        settings: where to; loaded when None.
        host: this machine's name; by default as `host_id_from` has it.
        plain_host: whether names of hosts stand as they are.
        state_dir: where the spool is.
        limits: of time and memory.
        on_trouble: called with each new trouble, in any thread, and with "" when it is over.
    """

    def __init__(
        self,
        settings: Settings | None,
        host: str | None,
        plain_host: bool | None,
        state_dir: Path | None,
        limits: Limits,
        on_trouble: Callable[[str], None] | None,
    ) -> None:
        self.limits = limits
        self.signal = threading.Condition()
        self._on_trouble = on_trouble or _warn
        self._lock = threading.Lock()
        self._sender: Sender | None = None
        self._pid = os.getpid()
        self._closed = False
        self._unusable = ""
        self._opt_out = opted_out()
        self.outbox = Outbox(limits.queue_events, limits.queue_bytes)
        try:
            self._settings = settings or load_settings()
            self._spool = spool_for(self._settings, state_dir)
            self._maker = _maker(self._settings, host, plain_host)
        except (FleetfoldError, OSError, RuntimeError) as error:
            self._unusable = str(error)
            self._tell(self._unusable)

    def prepare(
        self,
        component_id: str,
        outcome_type: str,
        context: str,
        *,
        host_id: str | None,
        timestamp: datetime | None,
        event_id: UUID | None,
    ) -> tuple[Receipt, Pending | None]:
        """Return a receipt, and the event to queue; None where the receipt is settled already."""
        if self._pid != os.getpid():
            self._start_over()
        receipt = Receipt(self.signal)
        if self._opt_out is not None:
            text = f"nothing is published from here: {self._opt_out} forbids it"
            return receipt.refuse(text, "opted_out", status=Status.OPTED_OUT), None
        if self._unusable or self._closed:
            return self._refused(receipt, self._unusable or "the publisher is closed", "closed"), None
        try:
            made = self._maker.make(
                component_id, outcome_type, context, host=host_id, timestamp=timestamp, event_id=event_id
            )
        except RefusedEventError as error:
            return self._refused(receipt, str(error), error.reason, error.field), None
        receipt.event_id = made.event_id
        try:
            self._run()
        except RuntimeError as error:  # no more threads: the system's limit, or the interpreter ends
            return self._refused(receipt, f"the publisher cannot start: {error}", "no_thread"), None
        return receipt, Pending(made.encoded, receipt)

    def queue(self, pending: Pending, wait_s: float) -> Receipt:
        """Queue an event, and wait for room so long; without room its receipt is settled."""
        if self.outbox.put(pending, wait_s):
            if self._sender is not None:
                self._sender.nudge()
        else:
            closed = self.outbox.is_closed
            text = "the publisher is closed" if closed else f"{len(self.outbox):,} events wait: no room"
            self._refused(pending.receipt, text, "closed" if closed else "queue_full")
        return pending.receipt

    def has_room(self, pending: Pending) -> bool:
        """Queue an event if there is room at once; returns whether there was, or never will be."""
        if self.outbox.put(pending):
            if self._sender is not None:
                self._sender.nudge()
            return True
        return False

    def flush(self, timeout_s: float | None) -> bool:
        """Wait until every event is settled, at most so long; returns whether all are."""
        return self.outbox.wait_until_empty(timeout_s)

    def close(self, timeout_s: float | None) -> bool:
        """Send or spool what is queued, and end; returns whether that was done in time."""
        self._closed = True
        sender, self._sender = self._sender, None
        if sender is None or self._pid != os.getpid():
            return True
        return sender.close(self.limits.close_s if timeout_s is None else timeout_s)

    def _run(self) -> None:
        """Start the thread that sends, once."""
        if self._sender is not None:
            return
        with self._lock:
            if self._sender is None:
                sender = Sender(
                    self._settings, self._spool, self.outbox, self.signal, self.limits.patience_s, self._tell
                )
                sender.start()
                self._sender = sender

    def _start_over(self) -> None:
        """Begin anew after a fork: the parent's thread is not here, and its locks may be held for ever."""
        self._pid = os.getpid()
        self._lock, self.signal, self._sender = threading.Lock(), threading.Condition(), None
        self.outbox = Outbox(self.limits.queue_events, self.limits.queue_bytes)
        if not self._unusable:
            self._spool = Spool(self._spool.path, self._spool.max_bytes)

    def _refused(self, receipt: Receipt, error: str, reason: str, field: str = "") -> Receipt:
        self._tell(error)
        return receipt.refuse(error, reason, field)

    def _tell(self, trouble: str) -> None:
        """Report a trouble; one that reports badly must not break the installer."""
        try:
            self._on_trouble(trouble)
        except Exception:  # noqa: BLE001  # whatever the installer's own function raises
            _LOG.exception("on_trouble failed while it was told: %s", trouble)


def _warn(trouble: str) -> None:
    if trouble:
        _LOG.warning("outcome events: %s", trouble)
    else:
        _LOG.info("outcome events: Kafka answers")


def _maker(settings: Settings, host: str | None, plain_host: bool | None) -> EventMaker:
    plain = settings.plain_host if plain_host is None else plain_host
    environment = {
        "FLEETFOLD_HOST_ID": settings.host_id,
        "FLEETFOLD_HOST_SALT": settings.host_salt.get_secret_value(),
    }
    own: str | None
    try:
        own = host_id_from(host, environment, plain=plain)
    except HostError:
        if host is not None:
            raise
        own = None  # a container without an id: each event must name its host
    return EventMaker.of_this_machine(own, environment["FLEETFOLD_HOST_SALT"], plain=plain)
