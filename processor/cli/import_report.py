"""What an import tells: counts, what it left, what it could not read, and in a dry run every event."""

from typing import TYPE_CHECKING, Any

from processor.cli.output import console, err_console, harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processor.publish.importer import ImportSummary
    from processor.publish.importers.base import Source
    from schemas import ComponentOutcome

__all__ = ["as_dict", "complain_of", "report"]

_NAMES_SHOWN = 5


def as_dict(
    summary: "ImportSummary",
    importer: str,
    source: "Source",
    events: "Sequence[ComponentOutcome] | None" = None,
) -> dict[str, Any]:
    """Return what happened, for machines; `events` are those of a dry run."""
    told = {
        "importer": importer,
        "host_id": source.host_id,
        "distribution": source.distribution,
        "dry_run": events is not None,
        "files": summary.files,
        "lines": summary.lines,
        "outcomes": dict(sorted(summary.by_type.items())),
        "sent": summary.sent,
        "already_known": summary.known,
        "unfinished": summary.unfinished,
        "unreadable": summary.unreadable,
        "complaints": summary.complaints,
    }
    if events is not None:
        told["events"] = [event.model_dump(mode="json") for event in events]
    return told


def report(
    summary: "ImportSummary", source: "Source", events: "Sequence[ComponentOutcome] | None" = None
) -> None:
    """Print what happened, for people; `events` are those of a dry run."""
    for event in events or ():
        line = f"{event.timestamp:%Y-%m-%dT%H:%M:%SZ}  {event.outcome_type}  {event.component_id}"
        console.print(harmless(f"{line}  {event.context}".rstrip()))
    console.print(f"host {harmless(source.host_id)}")
    console.print(f"read {summary.lines:,} lines of {summary.files} files")
    for outcome_type, count in sorted(summary.by_type.items()):
        console.print(f"  {outcome_type}: {count:,}")
    done = f"sent {summary.sent:,} events" if events is None else "nothing sent: a dry run"
    console.print(f"{done}; {summary.known:,} were already known")
    if summary.unfinished:
        names = harmless(", ".join(summary.unfinished[:_NAMES_SHOWN]))
        names += ", ..." if len(summary.unfinished) > _NAMES_SHOWN else ""
        console.print(
            f"left an unfinished run for the next import ({names}); if no installer is at work: --finished"
        )
    complain_of(summary)


def complain_of(summary: "ImportSummary") -> None:
    """Print what could not be read, with its place, on stderr."""
    for complaint in summary.complaints:
        err_console.print(harmless(complaint), style="yellow")
    if summary.unreadable:
        err_console.print(f"{summary.unreadable:,} lines were unreadable and left out", style="yellow")
    if 0 < summary.lines <= summary.unreadable:
        err_console.print("not one line could be read: is it a file of another program?", style="yellow")
