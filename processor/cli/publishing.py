"""What `fleetfold publish` does beside sending one event: lines, draining, showing."""

import asyncio
import signal
import sys
from collections import Counter, deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import typer

from processor.cli.common import complain, console, err_console, fail, harmless, print_json, progress
from processor.publish.client import BlockingPublisher, Limits
from processor.publish.core import spool_for
from processor.publish.draining import drain as drain_spool
from processor.publish.draining import waiting_elsewhere
from processor.publish.host import PUBLIC_SALT, host_id_from
from processor.publish.lines import BadLine, GoodLine, read_events
from processor.publish.making import EventMaker, RefusedEventError
from processor.publish.optout import OptedOutError, opted_out
from processor.publish.receipt import Receipt, Status
from processor.publish.redaction import RULES
from processor.publish.spool import Spool
from schemas.topics import OUTCOME_EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.settings import Settings

__all__ = ["drain", "lines", "open_blocking", "show"]

_SHOWN_COMPLAINTS = 20
_KEPT_COMPLAINTS = 1_000
_BAD_DATA, _CANNOT_WORK, _INTERRUPTED = 1, 2, 130
_ROOM_WAIT_S = 600.0  # a pipe waits for as long as it takes to send


def open_blocking(
    settings: "Settings",
    host: str | None,
    *,
    plain_host: bool | None,
    timeout_s: float,
    troubles: list[str],
    bulk: bool = False,
) -> BlockingPublisher:
    """Return a publisher that says nothing by itself: what troubles it is appended to `troubles`.

    Raises:
        HostError: this machine has no id and none was given, or the one given cannot be.
    """
    if host is not None or not bulk:
        host_id_from(host, plain=plain_host)
    limits = Limits(patience_s=timeout_s, close_s=2 * timeout_s, room_wait_s=_ROOM_WAIT_S if bulk else 1.0)
    return BlockingPublisher(
        settings, host=host, plain_host=plain_host, limits=limits, on_trouble=troubles.append
    )


@dataclass(slots=True)
class _Report:
    """What became of the lines; `bad` are the first that were not accepted."""

    lines: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    no_room: str = ""
    bad: list[BadLine] = field(default_factory=list)

    def reject(self, bad: BadLine) -> None:
        self.rejected += 1
        if len(self.bad) < _KEPT_COMPLAINTS:
            self.bad.append(bad)

    def take(self, number: int, receipt: Receipt) -> None:
        """Count a settled receipt."""
        if receipt.status in {Status.REFUSED, None}:
            if not receipt.field and not self.no_room:  # the line is not to blame
                self.no_room = f"line {number}: {receipt.error or 'not settled in time'}"
            self.reject(BadLine(number, receipt.field, receipt.reason or "not_settled"))
        else:
            self.by_status[str(receipt.status)] += 1

    def as_dict(self) -> dict[str, Any]:
        return {
            "lines": self.lines,
            "sent": self.by_status[Status.KAFKA],
            "spooled": self.by_status[Status.SPOOL],
            "opted_out": self.by_status[Status.OPTED_OUT],
            "rejected": self.rejected,
            "error": self.no_room or None,
            "complaints": [
                {"line": bad.number, "field": bad.field or None, "reason": bad.reason} for bad in self.bad
            ],
        }


def lines(
    settings: "Settings", host: str | None, *, plain_host: bool | None, timeout_s: float, as_json: bool
) -> None:
    """Publish the events on standard input, and end with the exit code that fits."""
    if sys.stdin.isatty():
        err_console.print("reading events from the terminal, one JSON object a line; Ctrl-D ends")
    report, stopped = _Report(), False
    troubles: list[str] = []
    publisher = open_blocking(
        settings, host, plain_host=plain_host, timeout_s=timeout_s, troubles=troubles, bulk=True
    )
    under_way: deque[tuple[int, Receipt]] = deque()
    with progress("publishing lines") as bar, publisher:
        try:
            with _stop_on_sigterm():
                for line in read_events(sys.stdin.buffer):
                    report.lines = line.number
                    _send(publisher, line, under_way, report)
                    bar.advance(_settled(under_way, report))
                    if report.no_room:
                        break
                publisher.flush()
        except KeyboardInterrupt:
            stopped = True
        publisher.close()
        _settled(under_way, report, finished=True)
    _print(report, settings, troubles, as_json=as_json)
    if stopped:
        raise typer.Exit(_INTERRUPTED)
    if report.no_room:
        fail(f"stopped: {harmless(report.no_room)}", _CANNOT_WORK)
    if report.rejected:
        raise typer.Exit(_BAD_DATA)


def _send(
    publisher: BlockingPublisher,
    line: GoodLine | BadLine,
    under_way: deque[tuple[int, Receipt]],
    report: _Report,
) -> None:
    if isinstance(line, BadLine):
        report.reject(line)
        return
    event = line.event
    receipt = publisher.record(
        event.component_id,
        event.outcome_type,
        event.context,
        host_id=event.host_id,
        timestamp=event.timestamp,
        event_id=event.event_id,
    )
    under_way.append((line.number, receipt))


def _settled(under_way: deque[tuple[int, Receipt]], report: _Report, *, finished: bool = False) -> int:
    """Count what is settled of the oldest lines, and return how many; all of them when it is finished."""
    before = len(under_way)
    while under_way and (finished or under_way[0][1].status is not None):
        report.take(*under_way.popleft())
    return before - len(under_way)


@contextmanager
def _stop_on_sigterm() -> "Iterator[None]":
    """Take SIGTERM as Ctrl-C: what was read is accepted, and then it ends."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print(report: _Report, settings: "Settings", troubles: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json(report.as_dict())
        return
    sent, spooled = report.by_status[Status.KAFKA], report.by_status[Status.SPOOL]
    console.print(f"{sent:,} events sent to {settings.bootstrap}, {spooled:,} kept on disk to be sent later")
    if spooled and (trouble := next((one for one in reversed(troubles) if one), "")):
        console.print(harmless(trouble))
    if forbidden := report.by_status[Status.OPTED_OUT]:
        console.print(f"{forbidden:,} events not published: {harmless(opted_out() or 'opted out')}")
    for bad in report.bad[:_SHOWN_COMPLAINTS]:
        err_console.print(str(bad), style="yellow")
    if report.rejected > _SHOWN_COMPLAINTS:
        err_console.print("…", style="yellow")
    if report.rejected:
        err_console.print(f"{report.rejected:,} lines were rejected", style="yellow")


def drain(settings: "Settings", path: Path | None, *, as_json: bool) -> None:
    """Send what waits in the spool.

    Raises:
        FleetfoldError: some of it could not be sent.
    """
    spool = spool_for(settings)
    folder = spool.path.parent
    if path is not None:
        if not path.exists():
            fail(f"there is no spool {harmless(str(path))}")
        spool = Spool(path, spool.max_bytes)
    total, forbidden, sent = spool.count(), "", 0
    try:
        if total:
            with progress("sending what waits", total) as bar:
                sent = asyncio.run(drain_spool(settings, spool, bar.advance))
    except OptedOutError as error:
        forbidden = str(error)
    left, others = spool.count(), waiting_elsewhere(folder, spool.path)
    if as_json:
        rows = [one._asdict() | {"path": str(one.path)} for one in others]
        print_json({"sent": sent, "waiting": left, "opted_out": bool(forbidden), "elsewhere": rows})
        return
    console.print(harmless(forbidden) if forbidden else f"sent {sent:,} events; {left:,} wait")
    for one in others:
        where = harmless(f"{one.bootstrap}, topic {one.topic} ({one.path})")
        console.print(f"{one.events:,} events wait for {where}: see --bootstrap and --spool")


def show(
    settings: "Settings",
    said: tuple[str, str, str],
    host: str | None,
    *,
    plain_host: bool | None,
    as_json: bool,
) -> None:
    """Print exactly what an event would say, and send nothing.

    Raises:
        HostError: this machine has no id and none was given.
    """
    plain = settings.plain_host if plain_host is None else plain_host
    salt = settings.host_salt.get_secret_value()
    maker = EventMaker.of_this_machine(host_id_from(host, plain=plain), salt, plain=plain)
    try:
        event = maker.make(*said).encoded
    except RefusedEventError as error:
        complain(str(error))
        raise typer.Exit(_BAD_DATA) from error
    spool = spool_for(settings)
    named = (
        "as it is"
        if plain
        else "a hash, salted with "
        + ("FLEETFOLD_HOST_SALT" if salt else f"{PUBLIC_SALT}, which everyone knows")
    )
    told = {
        "bootstrap": settings.bootstrap,
        "topic": settings.topic(OUTCOME_EVENTS),
        "key": event.host.decode(),
        "value": orjson.loads(event.value),
        "host": named,
        "redacted": [rule.name for rule in RULES] + ["this machine's user, home folder and host name"],
        "opted_out": opted_out(),
        "spool": str(spool.path),
        "waiting": spool.count(),
    }
    if as_json:
        print_json(told)
        return
    console.print("What would leave this machine, and nothing else of it:")
    console.print(f"  key       {harmless(event.host.decode())}")
    console.print(f"  value     {_shown(event.value)}")
    console.print(f"to          {settings.bootstrap}, topic {told['topic']}")
    console.print(f"the host    {harmless(named)}")
    console.print(f"redacted    in the context: {', '.join(told['redacted'])}")
    console.print(f"opted out   {harmless(told['opted_out'] or 'no: FLEETFOLD_OPT_OUT=1 would, or a file')}")
    console.print(f"waiting     {told['waiting']:,} events in {harmless(str(spool.path))}")


def _shown(value: bytes) -> str:
    """Return JSON as it is, but for what could mislead a terminal, which JSON can write as an escape."""
    text = value.decode()
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)
