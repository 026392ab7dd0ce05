"""How a correction is carried out at the terminal: what it would change, the question, what it changed."""

import asyncio
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from processor.cli.common import Progress, console, fail, print_json, progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.correct.planning import OnProgress, Plan
    from processor.correct.request import Request
    from processor.settings import Settings
    from schemas.corrections import Correction

__all__ = ["How", "as_json_of", "ask", "carry_out", "write_down"]

_LEFT_SHOWN = 10


@dataclass(frozen=True, slots=True)
class How:
    """What the user wants of a correction.

    Attributes:
        dry_run: only to see what it would change.
        yes: not to be asked.
        for_rebuild: only to write it down.
        as_json: what is printed is JSON.
    """

    dry_run: bool
    yes: bool
    for_rebuild: bool
    as_json: bool


def carry_out(settings: "Settings", request: "Request", how: How) -> None:
    """Say what a correction would change; unless that is all, ask, make it, and say what it changed."""
    if how.for_rebuild:
        write_down(settings, request, how)
        return
    from processor.correct.writing import correct, look

    dry_run, yes, as_json = how.dry_run, how.yes, how.as_json
    plan: Plan | None = None
    if dry_run or not yes:
        if not dry_run and not sys.stdin.isatty():
            fail("nobody can be asked here: give --yes, or --dry-run to see what it would change")
        with _reading() as on_progress:
            plan = asyncio.run(look(settings, request, on_progress))
        if dry_run or not _changes(plan):
            _report(plan, "would be", as_json=as_json)
            raise typer.Exit(0 if _changes(plan) else 1)
        _report(plan, "would be", as_json=False)
        ask(yes=False)
    with _reading() as on_progress:
        written = asyncio.run(correct(settings, request, on_progress))
    if written is None:
        fail("nothing that is counted is meant", 1)
    _report(written[0], "are", as_json=as_json)
    raise typer.Exit(1 if written[0].left else 0)


def write_down(settings: "Settings", request: "Request", how: How) -> None:
    """Write a correction down for rebuilds that begin later, unless it is only to be looked at."""
    from processor.correct.writing import write_down as write

    if how.dry_run and how.as_json:
        print_json({"kind": request.kind, "by": request.by, "reason": request.reason, "written": False})
        return
    if how.dry_run:
        console.print("it would be written down; a rebuild that begins afterwards obeys it")
        return
    ask(yes=how.yes)
    correction = asyncio.run(write(settings, request))
    if how.as_json:
        print_json(as_json_of(correction))
        return
    console.print(
        f"correction {correction.correction_id} is written down; what is in use counts on as before"
    )
    console.print("obey it:  fleetfold rebuild")


def ask(*, yes: bool) -> None:
    """Return if the user agrees, or has agreed beforehand; else leave."""
    if yes:
        return
    if not sys.stdin.isatty():
        fail("nobody can be asked here: give --yes")
    typer.confirm("Do it?", abort=True, err=True)


@contextmanager
def _reading() -> "Iterator[OnProgress]":
    """Show how far the log is read, from its first records on: a failure before that is one line."""
    with ExitStack() as shown:
        bars: list[Progress] = []

        def on_progress(label: str, records: int) -> None:
            if not bars:
                bars.append(shown.enter_context(progress(label)))
            bars[0].update(label=label)
            bars[0].advance(records)

        yield on_progress


def _changes(plan: "Plan") -> bool:
    return plan.changes


def _report(plan: "Plan", word: str, *, as_json: bool) -> None:
    left = plan.left
    if as_json:
        print_json(
            {
                **as_json_of(plan.entry()),
                "left_to_a_rebuild": [{"events": each.events, "why": each.left} for each in left],
            }
        )
        return
    console.print(f"{plan.events} events of {plan.hosts_touched} hosts {word} taken back")
    if left:
        console.print(f"the events of {len(left)} hosts are left to `fleetfold rebuild`:")
    for each in left[:_LEFT_SHOWN]:
        console.print(f"  {each.events} events: {each.left}")
    if len(left) > _LEFT_SHOWN:
        console.print("  ...")


def as_json_of(correction: "Correction") -> dict[str, Any]:
    """Return a correction as it is printed."""
    return correction.model_dump(mode="json", exclude_none=True)
