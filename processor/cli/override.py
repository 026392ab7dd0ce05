"""`fleetfold override`, `overrides`: installs go on although something is held against a component."""

import asyncio
import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from processor.cli.common import (
    BootstrapOption,
    JsonOption,
    PrefixOption,
    ReasonOption,
    console,
    err_console,
    fail,
    harmless,
    print_json,
    print_table,
    settings_from,
)

if TYPE_CHECKING:
    from processor.settings import Settings
    from schemas.overrides import Override, Subject

__all__ = ["register", "told"]

_DAYS = 30.0
_DAYS_MAX = 365.0
_NO = 1


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(override)
    app.command()(overrides)


def override(  # noqa: PLR0913, PLR0917  # one parameter per option of the command
    component_id: Annotated[str, typer.Argument(metavar="ID", help="What something is held against.")],
    other: Annotated[
        str | None,
        typer.Option("--with", metavar="ID", help="Its conflict with this one.", show_default=False),
    ] = None,
    reason: ReasonOption = "",
    for_days: Annotated[
        float, typer.Option("--for-days", metavar="N", help="It ends by itself after so long.")
    ] = _DAYS,
    actor: Annotated[
        str | None,
        typer.Option("--actor", metavar="NAME", help="Who decides, instead of the user's name here."),
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="End the override that is in force.")] = False,
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let installs go on although something is held against them, until a time; --end takes it back.

    Without --with it is about what is held against the component by itself; with it, about the conflict of
    the two. The verdict stands and says who overrides it. Gates take note within a minute; a second override
    of the same takes the first one's place. Exit codes: 0 done; 1 --end, and there is no override.
    """
    from processor.overriding import beginning, ending
    from schemas.overrides import subject_of

    if component_id == other:
        fail("a conflict needs two components, not the same one twice")
    if not end and not reason.strip():
        fail("--reason is needed: whoever is held up next wants to know why this was let pass")
    if not 0 < for_days <= _DAYS_MAX:  # not a number is neither
        fail(f"--for-days must be above 0, and {_DAYS_MAX:.0f} at most")
    settings = settings_from(bootstrap, topic_prefix)
    by, now, subject = actor or getpass.getuser(), datetime.now(UTC), subject_of(component_id, other)
    if end:
        asyncio.run(_end(settings, ending(subject, by, reason, now)))
        said, note = f"not overridden any more: {_named(subject)}", ""
        record = None
    else:
        record = beginning(subject, by, reason, now, for_days)
        note = asyncio.run(_begin(settings, record))
        said = f"{_named(subject)}: {harmless(told(record))}"
    if as_json:
        print_json({"in_force": None if record is None else record.model_dump(mode="json")})
        return
    console.print(said, soft_wrap=True)
    if note:
        err_console.print(note, style="yellow", soft_wrap=True)


async def _end(settings: "Settings", record: "Override") -> None:
    """End an override, if there is one."""
    from processor.overriding import write

    if record.subject not in await _in_force(settings):
        fail(f"nothing overrides what is held against {_named(record.subject)}", _NO)
    await write(settings, record)


async def _begin(settings: "Settings", record: "Override") -> str:
    """Write an override, and return what there is to say of what it is about."""
    from processor.cli.held import all_held
    from processor.overriding import write
    from schemas.overrides import subject_of

    await write(settings, record)
    held = await all_held(settings.model_copy(update={"url": ""}))
    subject = record.subject
    if any(subject_of(own, each.other) == subject for own in subject for each in held.get(own, ())):
        return ""
    what = (
        "the two are not held to be in conflict" if record.other else "nothing is held against it by itself"
    )
    return f"note: {what} now; a verdict that comes until then is let pass"


def overrides(
    audit: Annotated[bool, typer.Option("--audit", help="All that were ever made and ended.")] = False,
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the overrides in force: of what, by whom, why and until when."""
    from processor.overriding import read_overrides

    settings = settings_from(bootstrap, topic_prefix)
    found = (
        asyncio.run(read_overrides(settings)) if audit else list(asyncio.run(_in_force(settings)).values())
    )
    if as_json:
        print_json([each.model_dump(mode="json") for each in found])
    elif found:
        rows = [
            (_second(each.at), each.action, each.component_id, each.other or "", _second(each.until), each.by,
             each.reason)
            for each in found
        ]  # fmt: skip
        print_table(("made", "what", "component", "with", "until", "by", "reason"), rows)
    else:
        console.print("no overrides")


def told(override: "Override") -> str:
    """Return an override in a few words."""
    return f"overridden by {override.by} until {_second(override.until)}: {override.reason}"


def _second(time: datetime | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d %H:%M:%S}Z"


def _named(subject: "Subject") -> str:
    return " with ".join(map(harmless, subject))


async def _in_force(settings: "Settings") -> "dict[Subject, Override]":
    """Return the overrides of now."""
    from processor.overriding import read_overrides

    now = datetime.now(UTC)
    newest = {each.subject: each for each in await read_overrides(settings)}
    return {subject: each for subject, each in newest.items() if each.holds(now)}
