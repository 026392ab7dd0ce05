"""`fleetfold forget`, `retract`, `undeprecate`, `corrections`: what counts no more, who said so and why."""

import asyncio
import getpass
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from processor.cli.common import (
    BootstrapOption,
    JsonOption,
    PrefixOption,
    Progress,
    console,
    fail,
    harmless,
    print_json,
    print_table,
    progress,
    settings_from,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.correct.planning import OnProgress, Plan
    from processor.correct.request import Request
    from processor.settings import Settings
    from schemas.corrections import Correction

__all__ = ["register"]

_LEFT_SHOWN = 10

_ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; for the audit.")]
_DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what it would change.")]
_YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    forget = typer.Typer(help="Take back all that a host or component ever reported.", no_args_is_help=True)
    forget.command("host")(_forget_host)
    forget.command("component")(_forget_component)
    app.add_typer(forget, name="forget")
    app.command("retract")(_retract)
    app.command("undeprecate")(_undeprecate)
    app.command("corrections")(_corrections)


def _forget_host(
    host_id: Annotated[str, typer.Argument(metavar="ID", help="As it stands in events: mostly a hash.")],
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    reason: _ReasonOption = "",
    dry_run: _DryRunOption = False,
    yes: _YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take back what a host reported so far, and delete its ledger; later events count as a new host's.

    Its events stay on outcome-events, which is append-only; a rebuild leaves them out. With the ledger goes
    the memory of its event ids: what it sent before and sends again counts, so stop it first.
    """
    request = _request("forget_host", reason, host_id=host_id)
    _carry_out(settings_from(bootstrap, topic_prefix), request, dry_run=dry_run, yes=yes, as_json=as_json)


def _forget_component(
    component_id: Annotated[str, typer.Argument(metavar="ID")],
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    reason: _ReasonOption = "",
    dry_run: _DryRunOption = False,
    yes: _YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take back all events of a component so far: its row and its pairs go; later events count anew."""
    request = _request("forget_component", reason, component_id=component_id)
    _carry_out(settings_from(bootstrap, topic_prefix), request, dry_run=dry_run, yes=yes, as_json=as_json)


def _retract(  # noqa: PLR0913, PLR0917  # one parameter per option of the command
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    host_id: Annotated[str | None, typer.Option("--host", metavar="ID", help="Of this host.")] = None,
    component_id: Annotated[
        str | None, typer.Option("--component", metavar="ID", help="Of this component.")
    ] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", metavar="TYPE", help="Of this type, such as install_failure.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="That happened then or later, RFC 3339.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="That happened before then.")
    ] = None,
    event_id: Annotated[
        list[str] | None, typer.Option("--event-id", metavar="UUID", help="With this id; may be repeated.")
    ] = None,
    event_ids: Annotated[
        Path | None,
        typer.Option("--event-ids", metavar="FILE", help="With one of the ids in a file, one a line."),
    ] = None,
    reason: _ReasonOption = "",
    dry_run: _DryRunOption = False,
    yes: _YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take back a bad batch: the events so far for which all that is given holds."""
    from schemas.times import parse_time

    ids = [*(event_id or []), *([] if event_ids is None else event_ids.read_text("utf-8").split())]
    try:
        times = {
            name: None if text is None else parse_time(text)
            for name, text in (("since", since), ("until", until))
        }
    except ValueError as error:
        fail(f"--since and --until: {error}; it must be like 2026-01-02T03:04:05Z")
    request = _request(
        "retract",
        reason,
        host_id=host_id,
        component_id=component_id,
        outcome_type=outcome,
        event_ids=ids or None,
        **times,
    )
    _carry_out(settings_from(bootstrap, topic_prefix), request, dry_run=dry_run, yes=yes, as_json=as_json)


def _undeprecate(
    component_id: Annotated[str, typer.Argument(metavar="ID")],
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    reason: _ReasonOption = "",
    dry_run: _DryRunOption = False,
    yes: _YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Declare a component not deprecated up to now; a later `deprecated` event deprecates it again."""
    from processor.correct.writing import undeprecate
    from processor.serve.queries import stats_rows
    from processor.serve.reader import read_snapshot
    from schemas.topics import COMPONENT_STATS

    settings = settings_from(bootstrap, topic_prefix)
    request = _request("undeprecate", reason, component_id=component_id)
    snapshot = asyncio.run(read_snapshot(settings.topic(COMPONENT_STATS), settings.kafka_options()))
    row = next((each for each in stats_rows(snapshot.rows) if each["component_id"] == component_id), None)
    if row is None or row["deprecated_at"] is None:
        fail(f"{harmless(component_id)} is {'unknown' if row is None else 'not deprecated'}", 1)
    if dry_run:
        console.print(f"deprecated since {row['deprecated_at']}; it would be no more")
        return
    _ask(yes=yes)
    correction = asyncio.run(undeprecate(settings, request))
    if as_json:
        print_json(_as_json(correction))
    else:
        console.print(f"not deprecated any more; correction {correction.correction_id}")


def _corrections(
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="The newest so many.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the corrections that were made, newest first."""
    from processor.correct.audit import read_corrections

    found = asyncio.run(read_corrections(settings_from(bootstrap, topic_prefix))).all[: -limit - 1 : -1]
    if as_json:
        print_json([_as_json(each) for each in found])
    elif found:
        rows = [
            (str(each.at)[:19] + "Z", each.kind, _named(each), each.events, each.by, each.reason)
            for each in found
        ]
        print_table(("made", "kind", "of", "events", "by", "reason"), rows, right=("events",))
    else:
        console.print("no corrections")


def _request(kind: str, reason: str, **selecting: Any) -> "Request":
    from processor.correct.request import Request
    from schemas.corrections import CorrectionKind

    request = Request(CorrectionKind(kind), getpass.getuser(), reason, selecting)
    request.correction([])  # what is wrong with it is said before Kafka is asked
    return request


def _carry_out(settings: "Settings", request: "Request", *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Say what a correction would change; unless that is all, ask, make it, and say what it changed."""
    from processor.correct.writing import correct, look

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
        _ask(yes=False)
    with _reading() as on_progress:
        written = asyncio.run(correct(settings, request, on_progress))
    if written is None:
        fail("nothing that is counted is meant", 1)
    _report(written[0], "are", as_json=as_json)
    raise typer.Exit(1 if written[0].left else 0)


def _ask(*, yes: bool) -> None:
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
    return bool(plan.hosts_touched or plan.left)


def _report(plan: "Plan", word: str, *, as_json: bool) -> None:
    left = plan.left
    if as_json:
        print_json(
            {
                **_as_json(plan.entry()),
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


def _as_json(correction: "Correction") -> dict[str, Any]:
    return correction.model_dump(mode="json", exclude_none=True)


def _named(correction: "Correction") -> str:
    """Return in a few words which events are meant."""
    ids = correction.event_ids
    parts = {
        "host": correction.host_id,
        "component": correction.component_id,
        "outcome": correction.outcome_type,
        "since": correction.since,
        "until": correction.until,
        "event ids": None if ids is None else len(ids),
    }
    return ", ".join(f"{name} {value}" for name, value in parts.items() if value is not None)
