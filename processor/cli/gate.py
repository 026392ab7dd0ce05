"""`fleetfold gate`: what to tell an installer before it installs, in a time that is set, whatever answers."""

import asyncio
import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from processor.cli.common import (
    BootstrapOption,
    JsonOption,
    PrefixOption,
    UrlOption,
    console,
    err_console,
    harmless,
    print_json,
    query_settings,
)
from processor.errors import FleetfoldError

if TYPE_CHECKING:
    from processor.cli.held import Held
    from processor.settings import Settings

__all__ = ["register"]

_HOLD = 4
_WITHIN_S = 2.0
_STILL_NEW_S = 60.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(gate)


def gate(
    component_id: Annotated[str, typer.Argument(metavar="ID", help="What is to be installed.")],
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="ID", help="What is there already, or comes along.", show_default=False
        ),
    ] = None,
    force: Annotated[
        str | None,
        typer.Option("--force", metavar="REASON", help="Go on whatever the answer is.", show_default=False),
    ] = None,
    within_s: Annotated[
        float, typer.Option("--within-s", metavar="S", min=0.0, help="Wait for an answer so long at most.")
    ] = _WITHIN_S,
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer an installer before it installs: go, warn or hold, with the reason.

    When nobody answers in time, what this machine saw last is used, and without that the answer is go, with a
    warning. What `fleetfold override` lets pass is go, and the reason says so. Exit codes: 0 go, or go with a
    warning on stderr; 4 hold.
    """
    from processor.serve.advice import Word, advise

    held, note = asyncio.run(_held(query_settings(bootstrap, topic_prefix, url, moves=True), within_s))
    told = advise(component_id, others or [], held, datetime.now(UTC))
    if as_json:
        print_json({**told.model_dump(mode="json"), "note": note, "forced": force})
    else:
        console.print(f"{told.word.value}: {harmless(told.reason)}", soft_wrap=True)
    if note:
        err_console.print(harmless(note), style="yellow", soft_wrap=True)
    if told.word is Word.WARN:
        err_console.print(f"warning: {harmless(told.reason)}", style="yellow", soft_wrap=True)
    if told.word is Word.HOLD:
        if force is None:
            raise typer.Exit(_HOLD)
        err_console.print(f"warning: forced ({harmless(force)})", style="yellow", soft_wrap=True)


async def _held(settings: "Settings", within_s: float) -> "tuple[Held, str]":
    """Return the verdicts, and what there is to say of where they come from.

    What was seen within the last minute is good enough, and costs nobody a question.
    """
    from processor.cli.held import Snapshot, all_held
    from processor.publish.state import state_dir_from

    source = f"{settings.url}|{settings.bootstrap}|{settings.topic_prefix}"
    name = f"verdicts-{hashlib.blake2b(source.encode(), digest_size=6).hexdigest()}.json"
    snapshot = Snapshot(state_dir_from() / name)
    kept = snapshot.load()
    if kept is not None and kept[1] <= _STILL_NEW_S:
        return kept[0], ""
    try:
        async with asyncio.timeout(within_s):
            held = await all_held(settings)
    except (FleetfoldError, TimeoutError, OSError) as error:
        why = str(error) or f"no answer within {within_s:g} s"
        if kept is None:
            return {}, f"warning: nothing is known of it ({why})"
        return kept[0], f"warning: as of {kept[1] / 60:.0f} min ago ({why})"
    snapshot.save(held)
    return held, ""
