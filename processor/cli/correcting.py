"""`fleetfold forget`, `retract`, `undeprecate`, `corrections`: what counts no more, who said so and why."""

import asyncio
import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from processor.cli.carrying_out import How, as_json_of, ask, carry_out, write_down
from processor.cli.common import (
    BootstrapOption,
    JsonOption,
    PrefixOption,
    ReasonOption,
    console,
    fail,
    harmless,
    print_json,
    print_table,
    settings_from,
)

if TYPE_CHECKING:
    from datetime import datetime

    from processor.correct.request import Request
    from schemas.corrections import Correction

__all__ = ["register"]

_DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what it would change.")]
_YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
_ForRebuildOption = Annotated[
    bool,
    typer.Option(
        "--for-rebuild",
        help="Only write it down: rebuilds that begin later obey it, all others count on.",
    ),
]


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
    reason: ReasonOption = "",
    dry_run: _DryRunOption = False,
    yes: _YesOption = False,
    for_rebuild: _ForRebuildOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take back what a host reported so far, and delete its ledger; later events count as a new host's.

    Its events stay on outcome-events, which is append-only; a rebuild leaves them out. With the ledger goes
    the memory of its event ids: what it sent before and sends again counts, so stop it first.
    """
    request = _request("forget_host", reason, host_id=host_id)
    settings, how = settings_from(bootstrap, topic_prefix), How(dry_run, yes, for_rebuild, as_json)
    carry_out(settings, request, how)


def _forget_component(
    component_id: Annotated[str, typer.Argument(metavar="ID")],
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    reason: ReasonOption = "",
    dry_run: _DryRunOption = False,
    yes: _YesOption = False,
    for_rebuild: _ForRebuildOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take back all events of a component so far: its row and its pairs go; later events count anew."""
    request = _request("forget_component", reason, component_id=component_id)
    settings, how = settings_from(bootstrap, topic_prefix), How(dry_run, yes, for_rebuild, as_json)
    carry_out(settings, request, how)


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
    reason: ReasonOption = "",
    dry_run: _DryRunOption = False,
    yes: _YesOption = False,
    for_rebuild: _ForRebuildOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take back a bad batch: the events so far for which all that is given holds."""
    ids = [*(event_id or []), *([] if event_ids is None else _ids_in(event_ids))]
    request = _request(
        "retract",
        reason,
        host_id=host_id,
        component_id=component_id,
        outcome_type=outcome,
        event_ids=ids or None,
        since=_time(since),
        until=_time(until),
    )
    settings, how = settings_from(bootstrap, topic_prefix), How(dry_run, yes, for_rebuild, as_json)
    carry_out(settings, request, how)


def _undeprecate(
    component_id: Annotated[str, typer.Argument(metavar="ID")],
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    reason: ReasonOption = "",
    dry_run: _DryRunOption = False,
    yes: _YesOption = False,
    for_rebuild: _ForRebuildOption = False,
    as_json: JsonOption = False,
) -> None:
    """Declare a component not deprecated up to now; a later `deprecated` event deprecates it again."""
    from processor.correct.writing import undeprecate
    from processor.generations import of_generation
    from processor.serve.alias import read_aliases
    from processor.serve.queries import stats_rows
    from processor.serve.reader import read_snapshot
    from schemas.topics import COMPONENT_STATS

    settings, how = settings_from(bootstrap, topic_prefix), How(dry_run, yes, for_rebuild, as_json)
    request = _request("undeprecate", reason, component_id=component_id)
    if for_rebuild:
        write_down(settings, request, how)
        return
    live = of_generation(settings, asyncio.run(read_aliases(settings)).live)
    snapshot = asyncio.run(read_snapshot(live.topic(COMPONENT_STATS), settings.kafka_options()))
    key = component_id.encode("utf-8", "surrogateescape")
    found = stats_rows({key: snapshot.rows[key]} if key in snapshot.rows else {})
    row = found[0] if found else None
    if row is None or row["deprecated_at"] is None:
        fail(f"{harmless(component_id)} is {'unknown' if row is None else 'not deprecated'}", 1)
    if dry_run:
        console.print(f"deprecated since {row['deprecated_at']}; it would be no more")
        return
    ask(yes=yes)
    correction = asyncio.run(undeprecate(settings, request))
    if as_json:
        print_json(as_json_of(correction))
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
        print_json([as_json_of(each) for each in found])
    elif found:
        rows = [
            (str(each.at)[:19] + "Z", each.kind, _named(each), each.events, each.by, each.reason)
            for each in found
        ]
        print_table(("made", "kind", "of", "events", "by", "reason"), rows, right=("events",))
    else:
        console.print("no corrections")


def _ids_in(path: Path) -> list[str]:
    """Return the ids in a file; leave if it has none, which must not mean all events."""
    try:
        ids = path.read_text("utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        why = "it is no text in UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        fail(f"cannot read {harmless(str(path))}: {why}")
    if not ids:
        fail(f"there are no event ids in {harmless(str(path))}")
    return ids


def _time(text: str | None) -> "datetime | None":
    from schemas.times import parse_time

    try:
        return None if text is None else parse_time(text)
    except ValueError as error:
        fail(f"--since and --until: {error}; it must be like 2026-01-02T03:04:05Z")


def _request(kind: str, reason: str, **selecting: Any) -> "Request":
    from processor.correct.request import Request
    from schemas.corrections import CorrectionKind

    request = Request(CorrectionKind(kind), getpass.getuser(), reason, selecting)
    request.correction([])  # what is wrong with it is said before Kafka is asked
    return request


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
