"""`fleetfold import`: what real machines have written down, as outcome events.

What does the work is loaded in the functions: `--help` needs none of it.
"""

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from processor.cli.common import (
    BootstrapOption,
    JsonOption,
    PrefixOption,
    console,
    err_console,
    fail,
    harmless,
    print_json,
    progress,
    settings_from,
)

if TYPE_CHECKING:
    from processor.publish.bookmark import Bookmarks
    from processor.publish.importer import Chunk, DpkgSource, ImportSummary
    from processor.publish.logfiles import LogFile
    from processor.settings import Settings

__all__ = ["import_dpkg", "register"]

_DISTRIBUTION = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_BAD_DATA = 1

PathsArgument = Annotated[
    list[Path],
    typer.Argument(metavar="PATH", help="dpkg logs, plain or gzipped, or a folder with dpkg.log*."),
]
HostOption = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="ID",
        help="The host that wrote the logs, published as a salted hash; by default this machine.",
        show_default=False,
    ),
]
PlainHostOption = Annotated[
    bool | None, typer.Option("--plain-host", help="Publish the host's name as it is.", show_default=False)
]
DistributionOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The distribution in the package URLs; by default this machine's.",
        show_default=False,
    ),
]
ZoneOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The zone of the logs' local time, such as Europe/Berlin; by default this machine's.",
        show_default=False,
    ),
]
FinishedOption = Annotated[
    bool, typer.Option("--finished", help="No dpkg is at work: what is left open at the end has failed.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Only say what the logs hold; no Kafka, no bookmark.")
]
StateDirOption = Annotated[
    Path | None,
    typer.Option(
        envvar="FLEETFOLD_STATE_DIR",
        metavar="DIR",
        help="Where the bookmark is kept; by default fleetfold in XDG_STATE_HOME or ~/.local/state.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add `import` with its commands."""
    imports = typer.Typer(no_args_is_help=True, help="Publish what real machines have written down.")
    imports.command("dpkg")(import_dpkg)
    app.add_typer(imports, name="import")


def import_dpkg(  # noqa: PLR0913, PLR0917  # one parameter per option of the command
    paths: PathsArgument,
    host: HostOption = None,
    plain_host: PlainHostOption = None,
    distribution: DistributionOption = None,
    zone: ZoneOption = None,
    finished: FinishedOption = False,
    dry_run: DryRunOption = False,
    state_dir: StateDirOption = None,
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish the installs, failed installs and removals in Debian's dpkg logs.

    Running it again sends only what is new. A run of dpkg that is not finished at the end of the logs is
    left for the next time.
    """
    from processor.publish.bookmark import Bookmarks
    from processor.publish.logfiles import find_logs
    from processor.publish.state import default_state_dir

    source = _source(host, distribution, zone, finished=finished, plain_host=plain_host)
    logs = find_logs(paths)
    if dry_run:
        _, summary = _read(logs, source, Bookmarks())
    else:
        settings = settings_from(bootstrap, topic_prefix)
        summary = asyncio.run(_publish(settings, logs, source, state_dir or default_state_dir()))
    if as_json:
        print_json(_as_dict(summary, source, dry_run=dry_run))
    else:
        _report(summary, source, dry_run=dry_run)
    if summary.unreadable:
        raise typer.Exit(_BAD_DATA)


def _source(
    host: str | None, distribution: str | None, zone: str | None, *, finished: bool, plain_host: bool | None
) -> "DpkgSource":
    from processor.publish.host import distribution_of, host_id_from
    from processor.publish.importer import DpkgSource
    from processor.publish.zone import zone_of

    name = distribution if distribution is not None else distribution_of()
    if not _DISTRIBUTION.fullmatch(name):
        fail(f"--distribution {name}: lower-case letters, digits, `.`, `_`, `-`, at most 40")
    return DpkgSource(host_id_from(host, plain=plain_host), zone_of(zone), name, finished)


def _read(
    logs: "list[LogFile]", source: "DpkgSource", bookmarks: "Bookmarks"
) -> "tuple[list[Chunk], ImportSummary]":
    """Read all that is new before anything is sent, so that the bar of the sending has a total."""
    from processor.publish.importer import ImportSummary, read_chunks

    summary = ImportSummary()
    chunks = []
    with progress("reading the logs: outcomes") as bar:
        for chunk in read_chunks(logs, source, bookmarks, summary):
            chunks.append(chunk)
            bar.advance(len(chunk.events))
    return chunks, summary


async def _publish(
    settings: "Settings", logs: "list[LogFile]", source: "DpkgSource", state_dir: Path
) -> "ImportSummary":
    from processor.publish.bookmark import open_bookmarks
    from processor.publish.core import spool_for
    from processor.publish.importer import send_chunks
    from processor.publish.publisher import open_publisher

    async with open_publisher(settings, spool=spool_for(settings, state_dir)) as publisher:
        place = (publisher.cluster_id, publisher.topic, source.host_id)
        with open_bookmarks(state_dir, *place) as bookmarks:
            chunks, summary = _read(logs, source, bookmarks)
            total = sum(len(chunk.events) for chunk in chunks)
            with progress("publishing events", total) as bar:
                await send_chunks(chunks, publisher.send_many, bookmarks, summary, bar.advance)
        if publisher.spooled:
            err_console.print(
                f"{publisher.spooled:,} of the events wait on disk: {harmless(publisher.trouble)}"
            )
    return summary


def _as_dict(summary: "ImportSummary", source: "DpkgSource", *, dry_run: bool) -> dict[str, Any]:
    return {
        "host_id": source.host_id,
        "distribution": source.distribution,
        "dry_run": dry_run,
        "files": summary.files,
        "lines": summary.lines,
        "outcomes": dict(sorted(summary.by_type.items())),
        "sent": summary.sent,
        "already_known": summary.known,
        "unfinished": summary.unfinished,
        "unreadable": summary.unreadable,
        "complaints": summary.complaints,
    }


def _report(summary: "ImportSummary", source: "DpkgSource", *, dry_run: bool) -> None:
    console.print(f"host {harmless(source.host_id)}")
    console.print(f"read {summary.lines:,} lines of {summary.files} files")
    for outcome_type, count in sorted(summary.by_type.items()):
        console.print(f"  {outcome_type}: {count:,}")
    done = "nothing sent: a dry run" if dry_run else f"sent {summary.sent:,} events"
    console.print(f"{done}; {summary.known:,} were already known")
    if summary.unfinished:
        names = harmless(", ".join(summary.unfinished[:5])) + (", ..." if len(summary.unfinished) > 5 else "")  # noqa: PLR2004  # a line of names
        console.print(
            f"left an unfinished run for the next import ({names}); if no dpkg is at work: --finished"
        )
    for complaint in summary.complaints:
        err_console.print(harmless(complaint), style="yellow")
    if summary.unreadable:
        err_console.print(f"{summary.unreadable:,} lines were unreadable and left out", style="yellow")
