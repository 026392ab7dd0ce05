"""`fleetfold publish`: report outcomes from a shell, one by one or as JSON lines.

What does the work is loaded in the functions: `--help` needs none of it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from processor.cli.common import (
    BootstrapOption,
    JsonOption,
    PrefixOption,
    complain,
    console,
    fail,
    harmless,
    print_json,
    settings_from,
)

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from processor.publish.client import BlockingPublisher
    from processor.publish.receipt import Receipt
    from processor.settings import Settings

__all__ = ["publish", "register"]

_BAD_DATA = 1
_CANNOT_WORK = 2

IdArgument = Annotated[
    str | None,
    typer.Argument(metavar="[ID]", help="The component, such as pkg:pypi/ruff@0.14.", show_default=False),
]
OutcomeArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[OUTCOME]",
        help="install_success, install_failure, used_in_session, removed_by_user or deprecated.",
        show_default=False,
    ),
]
ContextOption = Annotated[
    str, typer.Option("--context", metavar="TEXT", help="Free text, such as an error message; redacted.")
]
HostOption = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="NAME",
        help="The host, published as a salted hash; by default this machine.",
        show_default=False,
    ),
]
PlainHostOption = Annotated[
    bool | None, typer.Option("--plain-host", help="Publish names of hosts as they are.", show_default=False)
]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="TIME", help="When it happened (RFC 3339); by default now.", show_default=False
    ),
]
EventIdOption = Annotated[
    str | None,
    typer.Option(
        "--event-id",
        metavar="UUID",
        help="The same for a repetition; by default a new one.",
        show_default=False,
    ),
]
DrainOption = Annotated[bool, typer.Option("--drain", help="Send what waits in the spool, and nothing else.")]
ShowOption = Annotated[bool, typer.Option("--show", help="Only print what would leave this machine.")]
SpoolOption = Annotated[
    Path | None,
    typer.Option(
        "--spool",
        metavar="FILE",
        help="With --drain: this file, whichever Kafka it was for.",
        show_default=False,
    ),
]
TimeoutOption = Annotated[
    float,
    typer.Option(
        "--timeout", min=0.1, metavar="S", help="How long Kafka may take before an event is spooled (s)."
    ),
]


def register(app: typer.Typer) -> None:
    """Add `publish`."""
    app.command("publish")(publish)


def publish(  # noqa: PLR0913, PLR0917  # one parameter per option of the command
    component_id: IdArgument = None,
    outcome: OutcomeArgument = None,
    context: ContextOption = "",
    host: HostOption = None,
    plain_host: PlainHostOption = None,
    at: AtOption = None,
    event_id: EventIdOption = None,
    drain: DrainOption = False,
    show: ShowOption = False,
    spool: SpoolOption = None,
    timeout: TimeoutOption = 5.0,
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    as_json: JsonOption = False,
) -> None:
    """Report an outcome; without arguments those on standard input, one JSON object a line.

    An event is accepted when Kafka has it, or when it is on this machine's disk because no Kafka answers;
    from there it is sent by the next `publish` or by `--drain`. Exit codes: 0 accepted (or opted out), 1 some
    lines are no events, 2 not accepted.
    """
    from processor.cli import publishing

    settings = settings_from(bootstrap, topic_prefix)
    if show:
        said = (component_id or "pkg:pypi/example@1.0", outcome or "install_failure", context)
        publishing.show(settings, said, host, plain_host=plain_host, as_json=as_json)
    elif drain:
        publishing.drain(settings, spool, as_json=as_json)
    elif component_id is None:
        publishing.lines(settings, host, plain_host=plain_host, timeout_s=timeout, as_json=as_json)
    elif outcome is None:
        fail("give an OUTCOME after the ID, such as install_success")
    else:
        moment, identity = _time(at), _uuid(event_id)
        troubles: list[str] = []
        publisher = publishing.open_blocking(
            settings, host, plain_host=plain_host, timeout_s=timeout, troubles=troubles
        )
        receipt = _one(publisher, (component_id, outcome, context), moment, identity)
        _tell(receipt, settings, next(iter(troubles), ""), as_json=as_json)


def _one(
    publisher: "BlockingPublisher",
    said: tuple[str, str, str],
    at: "datetime | None",
    event_id: "UUID | None",
) -> "Receipt":
    with publisher:  # whose end settles the receipt
        return publisher.record(*said, timestamp=at, event_id=event_id)


def _tell(receipt: "Receipt", settings: "Settings", trouble: str, *, as_json: bool) -> None:
    """Say where the event is, and end with the exit code that fits."""
    from processor.publish.receipt import Status

    if as_json:
        print_json(_as_dict(receipt))
    elif receipt.status is Status.KAFKA:
        console.print(f"sent to {settings.bootstrap}: {receipt.event_id}")
    elif receipt.status is Status.SPOOL:
        console.print(f"kept on disk: {receipt.event_id}")
        console.print(harmless(trouble or f"another process sends to {settings.bootstrap}"))
        console.print("it is sent by the next `fleetfold publish`, or by `fleetfold publish --drain`")
    elif receipt.status is Status.OPTED_OUT:
        console.print(harmless(receipt.error))
    else:
        complain(receipt.error or "not accepted in time")
    if receipt.status is Status.REFUSED or receipt.status is None:
        raise typer.Exit(_BAD_DATA if receipt.field else _CANNOT_WORK)


def _as_dict(receipt: "Receipt") -> dict[str, Any]:
    return {
        "status": receipt.status,
        "event_id": receipt.event_id or None,
        "error": receipt.error or None,
        "reason": receipt.reason or None,
        "field": receipt.field or None,
    }


def _time(text: str | None) -> "datetime | None":
    from schemas.times import parse_time

    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        fail(f"--at {harmless(text)}: {error}; give one such as 2026-01-02T03:04:05Z")


def _uuid(text: str | None) -> "UUID | None":
    from schemas.outcome import parse_event_id

    if text is None:
        return None
    try:
        return parse_event_id(text)
    except ValueError as error:
        fail(f"--event-id {harmless(text)}: {error}")
