"""`fleetfold dead-letters`: look at what was no event, and replay it once it is one."""

import asyncio
import heapq
import re
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from processor.cli.common import (
    BootstrapOption,
    JsonOption,
    PrefixOption,
    console,
    fail,
    harmless,
    print_json,
    print_table,
    settings_from,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processor.deadletters import Letter, Place, Wanted
    from processor.replay import Replay
    from processor.settings import Settings

__all__ = ["register"]

_SHOWN_BYTES = 60
_REFUSED_SHOWN = 10
_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"([0-9]{1,6})([smhd])")

_ReasonOption = Annotated[
    str | None,
    typer.Option("--reason", metavar="CODE", help="Only of this reason.", show_default=False),
]
_SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", help="Only since then: RFC 3339, or 30m, 12h, 7d ago.", show_default=False
    ),
]


def register(app: typer.Typer) -> None:
    """Add `dead-letters list`, `show` and `replay`."""
    letters = typer.Typer(help="See and replay what could not be read as an event.", no_args_is_help=True)
    letters.command("list")(_list)
    letters.command("show")(_show)
    letters.command("replay")(_replay)
    app.add_typer(letters, name="dead-letters")


def _settings(bootstrap: str | None, topic_prefix: str | None) -> "Settings":
    """Return the settings for the generation that is in use."""
    from processor.serve.alias import following

    return asyncio.run(following(settings_from(bootstrap, topic_prefix)))


def _list(
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="The newest so many.")] = 20,
    reason: _ReasonOption = None,
    since: _SinceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the newest dead letters, newest first."""
    from processor.deadletters import read_letters

    wanted = _wanted(reason, since)
    newest: list[tuple[int, Place, Letter]] = []

    def on_letter(letter: "Letter") -> None:
        if wanted.takes(letter):
            heapq.heappush(newest, (letter.buried_ms, letter.place, letter))
            if len(newest) > limit:
                heapq.heappop(newest)

    replayed = asyncio.run(read_letters(_settings(bootstrap, topic_prefix), on_letter))
    letters = [letter for _, _, letter in sorted(newest, reverse=True)]
    if as_json:
        print_json([_as_json(letter, replayed) for letter in letters])
    elif letters:
        columns = ("letter", "buried", "reason", "field", "from", "bytes", "replayed", "value")
        print_table(columns, [_cells(letter, replayed) for letter in letters], right=("bytes",))
    else:
        console.print("no dead letters")


def _show(
    place: Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="As `list` names it.")],
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one dead letter whole, and whether it could be replayed; exit code 1 if there is none there."""
    from processor.deadletters import read_letters
    from processor.replay import copy_of

    wanted = _place(place)
    settings = _settings(bootstrap, topic_prefix)
    found: list[Letter] = []
    replayed = asyncio.run(
        read_letters(settings, lambda letter: found.append(letter) if letter.place == wanted else None)
    )
    if not found:
        fail(f"there is no dead letter at {harmless(place)}", 1)
    (letter,) = found
    copy = copy_of(letter, settings.partitions, settings.fold_config())
    fields = _as_json(letter, replayed)
    fields["replay"] = copy if isinstance(copy, str) else "an event now"
    if as_json:
        print_json(fields)
        return
    for name, value in fields.items():
        console.print(f"{name:10}{harmless(str(value))}")


def _replay(
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    reason: _ReasonOption = None,
    since: _SinceOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Send dead letters that are events by now through outcome-events again; each is counted once.

    What was replayed before is passed over. Exit code 1 when some cannot be replayed.
    """
    from processor.replay import plan, replay

    settings, wanted = _settings(bootstrap, topic_prefix), _wanted(reason, since)
    if not dry_run and not yes:
        if not sys.stdin.isatty():
            fail("nobody can be asked here: give --yes, or --dry-run to see what would be sent")
        _print_report(asyncio.run(plan(settings, wanted)), "to be sent")
        typer.confirm("Send them?", abort=True, err=True)
    found = asyncio.run(plan(settings, wanted) if dry_run else replay(settings, wanted))
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "sent": [_name(letter) for letter, _ in found.ready],
                "replayed_before": [_name(letter) for letter in found.done_before],
                "refused": [{"letter": _name(letter), "why": why} for letter, why in found.refused],
            }
        )
    else:
        _print_report(found, "to be sent" if dry_run else "sent")
    if found.refused:
        raise typer.Exit(1)


def _print_report(found: "Replay", what: str) -> None:
    console.print(f"{len(found.ready)} {what}, {len(found.done_before)} replayed before")
    if found.refused:
        console.print(f"{len(found.refused)} cannot be replayed")
    for letter, why in found.refused[:_REFUSED_SHOWN]:
        console.print(f"  {_name(letter)}: {harmless(why)}")
    if len(found.refused) > _REFUSED_SHOWN:
        console.print("  ...")


def _wanted(reason: str | None, since: str | None) -> "Wanted":
    from processor.deadletters import Wanted

    return Wanted(reason, None if since is None else _since_ms(since))


def _since_ms(text: str) -> int:
    """Return a time in milliseconds since the epoch; fail if it is none."""
    from schemas.times import parse_time, to_us

    if ago := _DURATION.fullmatch(text):
        return time.time_ns() // 1_000_000 - int(ago[1]) * _UNITS_MS[ago[2]]
    try:
        return to_us(parse_time(text)) // 1000
    except ValueError:
        fail(f"--since is {harmless(text)}: it must be like 2026-01-02T03:04:05Z, 30m, 12h or 7d")


def _place(text: str) -> "Place":
    partition, _, offset = text.partition(":")
    if not (partition.isascii() and partition.isdigit() and offset.isascii() and offset.isdigit()):
        fail(f"{harmless(text)} names no dead letter: it must be PARTITION:OFFSET, such as 0:12")
    return int(partition), int(offset)


def _name(letter: "Letter") -> str:
    partition, offset = letter.place
    return f"{partition}:{offset}"


def _time(time_ms: int) -> str:
    from schemas.times import format_us

    return format_us(max(time_ms, 0) * 1000)


def _text(value: bytes) -> str:
    return value.decode(errors="backslashreplace")


def _as_json(letter: "Letter", replayed: "set[Place]") -> dict[str, Any]:
    topic, partition, offset = letter.origin
    return {
        "letter": _name(letter),
        "buried": _time(letter.buried_ms),
        "reason": letter.reason,
        "field": letter.field,
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "time": _time(letter.time_ms),
        "size": letter.size,
        "whole": letter.is_whole,
        "replayed": letter.place in replayed,
        "key": None if letter.key is None else _text(letter.key),
        "value": _text(letter.value),
    }


def _cells(letter: "Letter", replayed: "set[Place]") -> "Sequence[object]":
    topic, partition, offset = letter.origin
    more = "..." if len(letter.value) > _SHOWN_BYTES else ""
    return (
        _name(letter),
        _time(letter.buried_ms)[:19].replace("T", " ") + "Z",
        letter.reason,
        letter.field,
        f"{topic} {partition}:{offset}",
        letter.size,
        "yes" if letter.place in replayed else "",
        _text(letter.value[:_SHOWN_BYTES]) + more,
    )
