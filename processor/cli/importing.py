"""`fleetfold import`: what other programs have written down, as outcome events.

What does the work is loaded in the functions: `--help` needs none of it.
"""

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from processor.cli.common import (
    BootstrapOption,
    JsonOption,
    PrefixOption,
    err_console,
    fail,
    harmless,
    print_json,
    print_table,
    progress,
    settings_from,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from processor.publish.bookmark import Bookmarks
    from processor.publish.chunks import Chunk
    from processor.publish.importer import ImportSummary
    from processor.publish.importers.base import Importer, LogFile, Source
    from processor.publish.importers.registry import Installed
    from processor.settings import Settings

__all__ = ["import_command", "register"]

_DISTRIBUTION = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_BAD_DATA = 1
# What is larger is read while it is sent, so that memory is bounded; the bar then has no total.
_READ_AHEAD_BYTES = 32 * 2**20

NameArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[IMPORTER]", help="What wrote the files: see --list, such as dpkg.", show_default=False
    ),
]
PathsArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[PATH]...",
        help="Files, plain or gzipped, and folders; by default where the program keeps them, if known.",
        show_default=False,
    ),
]
PlainHostOption = Annotated[
    bool | None, typer.Option("--plain-host", help="Publish the host's name as it is.", show_default=False)
]
ListOption = Annotated[bool, typer.Option("--list", help="List the importers that are installed.")]
HostOption = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="ID",
        help="The host that wrote the files, published as a salted hash; by default this machine.",
        show_default=False,
    ),
]
DistributionOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The distribution in Debian's package URLs; by default this machine's.",
        show_default=False,
    ),
]
ZoneOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The zone of the files' local time, such as Europe/Berlin; by default this machine's.",
        show_default=False,
    ),
]
FinishedOption = Annotated[
    bool, typer.Option("--finished", help="No installer is at work: what is left open at the end has failed.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Only print what would be sent; no Kafka, no bookmark.")
]
FollowOption = Annotated[
    bool, typer.Option("--follow", help="Go on with what is written later, over rotations, until SIGTERM.")
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
    """Add `import`."""
    app.command("import")(import_command)


def import_command(  # noqa: PLR0913, PLR0917  # one parameter per option of the command
    name: NameArgument = None,
    paths: PathsArgument = None,
    list_importers: ListOption = False,
    host: HostOption = None,
    plain_host: PlainHostOption = None,
    distribution: DistributionOption = None,
    zone: ZoneOption = None,
    finished: FinishedOption = False,
    dry_run: DryRunOption = False,
    follow: FollowOption = False,
    state_dir: StateDirOption = None,
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish the outcomes that other programs have written down: dpkg, apt, pip, npm and more.

    Running it again sends only what is new. What is not finished at the end of a log is left for the next
    time.
    """
    from processor.cli import import_report
    from processor.publish.bookmark import Bookmarks
    from processor.publish.importers.registry import find_logs_for, importer_named, installed
    from processor.publish.state import default_state_dir

    known = installed()
    if list_importers:
        _list(known, as_json=as_json)
        return
    if name is None:
        fail(f"which importer? There are: {', '.join(known)}. `fleetfold import --list` says what each reads")
    if follow and (dry_run or finished):
        fail("--follow goes with neither --dry-run nor --finished: it sends, and waits for what is open")
    importer = importer_named(name, known)
    source = _source(host, distribution, zone, finished=finished, plain_host=plain_host)
    where = _paths(importer, paths)
    state = state_dir or default_state_dir()
    if follow:
        from processor.cli.import_follow import follow_files

        settings = settings_from(bootstrap, topic_prefix)
        asyncio.run(follow_files(settings, where, importer, known, source, state, as_json=as_json))
        return
    logs = find_logs_for(importer, where, known)
    if dry_run:
        chunks, summary = _read(logs, importer, source, Bookmarks())
        events = [event for chunk in chunks for event in chunk.events]
    else:
        settings, events = settings_from(bootstrap, topic_prefix), None
        summary = asyncio.run(_publish(settings, logs, importer, known, source, state))
    if as_json:
        print_json(import_report.as_dict(summary, importer.name, source, events))
    else:
        import_report.report(summary, source, events)
    if summary.unreadable:
        raise typer.Exit(_BAD_DATA)


def _list(known: "Mapping[str, Installed]", *, as_json: bool) -> None:
    rows = [
        (each.name, ", ".join(each.packages), each.importer.about if each.importer else each.problem)
        for each in known.values()
    ]
    if as_json:
        print_json(
            [
                {
                    "name": name,
                    "package": packages,
                    "usable": known[name].importer is not None,
                    "about": about,
                }
                for name, packages, about in rows
            ]
        )
    else:
        print_table(("importer", "from", "reads"), rows)


def _paths(importer: "Importer", paths: list[Path] | None) -> list[Path]:
    if paths:
        return paths
    defaults = [path for path in map(Path, importer.default_paths) if path.expanduser().exists()]
    if not defaults:
        looked = f" (there is no {' or '.join(importer.default_paths)})" if importer.default_paths else ""
        fail(f"which files? `fleetfold import {importer.name} PATH...`{looked}")
    return [path.expanduser() for path in defaults]


def _source(
    host: str | None, distribution: str | None, zone: str | None, *, finished: bool, plain_host: bool | None
) -> "Source":
    from processor.publish.host import distribution_of, host_id_from
    from processor.publish.importers.base import Source
    from processor.publish.zone import zone_of

    name = distribution if distribution is not None else distribution_of()
    if not _DISTRIBUTION.fullmatch(name):
        fail(f"--distribution {name}: lower-case letters, digits, `.`, `_`, `-`, at most 40")
    return Source(host_id_from(host, plain=plain_host), zone_of(zone), name, finished)


def _read(
    logs: "list[LogFile]", importer: "Importer", source: "Source", bookmarks: "Bookmarks"
) -> "tuple[list[Chunk], ImportSummary]":
    """Read all that is new before anything is sent, so that the bar of the sending has a total."""
    from processor.publish.importer import ImportSummary, read_chunks

    summary = ImportSummary()
    chunks = []
    with progress("reading the logs: outcomes") as bar:
        for chunk in read_chunks(logs, importer, source, bookmarks, summary):
            chunks.append(chunk)
            bar.advance(len(chunk.events))
    return chunks, summary


async def _publish(
    settings: "Settings",
    logs: "list[LogFile]",
    importer: "Importer",
    known: "Mapping[str, Installed]",
    source: "Source",
    state_dir: Path,
) -> "ImportSummary":
    from processor.publish.bookmark import open_bookmarks
    from processor.publish.core import spool_for
    from processor.publish.importer import ImportSummary, read_chunks, send_chunks
    from processor.publish.importers.registry import rivals_of
    from processor.publish.publisher import open_publisher

    async with open_publisher(settings, spool=spool_for(settings, state_dir)) as publisher:
        place = (publisher.cluster_id, publisher.topic, source.host_id)
        rivals = rivals_of(importer, known)
        with open_bookmarks(state_dir, *place, importer.name, rivals) as bookmarks:
            chunks: Iterable[Chunk]
            if sum(log.path.stat().st_size for log in logs) > _READ_AHEAD_BYTES:
                summary, total = ImportSummary(), None
                chunks = read_chunks(logs, importer, source, bookmarks, summary)
            else:
                chunks, summary = _read(logs, importer, source, bookmarks)
                total = sum(len(chunk.events) for chunk in chunks)
            with progress("publishing events", total) as bar:
                await send_chunks(chunks, publisher.send_many, bookmarks, summary, bar.advance)
        if publisher.spooled:
            trouble = harmless(publisher.trouble)
            err_console.print(f"{publisher.spooled:,} of the events wait on disk: {trouble}", style="yellow")
    return summary
