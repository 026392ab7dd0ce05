"""`fleetfold rebuild`: the whole log folded again, beside the results that are in use."""

import asyncio
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from processor.cli.common import (
    BootstrapOption,
    JsonOption,
    PrefixOption,
    complain,
    console,
    fail,
    print_json,
    progress,
    settings_from,
)

if TYPE_CHECKING:
    from processor.cli.common import Progress
    from processor.settings import Settings
    from processor.supervisor import Supervisor

__all__ = ["register"]

_WORTH_A_LINE = ("warning", "error", "critical")


def register(app: typer.Typer) -> None:
    """Add the command, and that of its router, which only the rebuild itself starts."""
    app.command()(rebuild)
    app.command("rebuild-router", hidden=True)(_router)


def rebuild(
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    generation: Annotated[
        int | None,
        typer.Option(
            "--generation",
            metavar="N",
            min=2,
            help="Build this one; by default the one that was begun, else the next.",
            show_default=False,
        ),
    ] = None,
    partitions: Annotated[
        int | None,
        typer.Option(
            "--partitions",
            metavar="N",
            min=1,
            max=1000,
            help="Partitions of its topics, which may differ from the log's (FLEETFOLD_PARTITIONS).",
            show_default=False,
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option("--processes", metavar="N", min=1, help="How many workers; by default one per core."),
    ] = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="Then print which rows differ from the live generation's, and why.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show all that its processes log.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Fold the whole log again, with the settings and the code of now, into results of their own.

    What is in use goes on and is not touched. Stopped or killed, the same command goes on where it was. It
    ends when all is folded that stood on the log, and says how the new results are kept up and put to use.

    Exit codes: 0 built; 1 stopped before its end; 2 cannot work as things are; 3 too many dead letters.
    """
    from processor.generations import mark_built
    from processor.rebuild import build, prepare

    settings = settings_from(bootstrap, topic_prefix, generation=generation)
    wanted, made = asyncio.run(prepare(settings, partitions))
    number = wanted.generation
    if made.built is None:
        supervisor = _supervisor(wanted, processes, as_json=as_json, verbose=verbose)
        with progress(f"rebuilding generation {number}", tells_left=True) as bar:
            code = asyncio.run(build(wanted, supervisor, partial(_show, bar)))
        if code is not None:
            complain(f"generation {number} is not built yet: `fleetfold rebuild` goes on where it was")
            raise typer.Exit(code or 1)
        asyncio.run(mark_built(wanted))
    if not (diff and as_json):
        _say(wanted, as_json=as_json, again=made.built is not None)
    if diff:
        from processor.cli.generations import show_diff

        show_diff(wanted, as_json=as_json)


def _show(bar: "Progress", now: Any) -> None:
    bar.update(completed=now.done, total=now.total)


def _say(settings: "Settings", *, as_json: bool, again: bool) -> None:
    number, partitions = settings.generation, settings.partitions
    if as_json:
        print_json({"generation": number, "partitions": partitions, "built": True, "was_built": again})
        return
    console.print(f"generation {number} is built" + (" already" if again else ""))
    console.print(
        f"keep it up:  FLEETFOLD_GENERATION={number} FLEETFOLD_PARTITIONS={partitions} fleetfold worker"
    )
    console.print(f"look at it:  FLEETFOLD_GENERATION={number} fleetfold problematic")
    console.print(f"put to use:  fleetfold switch {number}")


def _supervisor(settings: "Settings", processes: int | None, *, as_json: bool, verbose: bool) -> "Supervisor":
    """Return the supervisor of the router, which is number 1, and the workers."""
    from processor.logs import level_of, relayed
    from processor.restarts import Limits
    from processor.supervisor import Supervisor, workers_by_default

    workers = processes or workers_by_default(settings.partitions)
    relay = relayed("json" if as_json else settings.log_format, colours=sys.stderr.isatty())

    def show(line: str, number: int) -> None:
        if verbose or level_of(line) in _WORTH_A_LINE:
            print(relay(line, number), file=sys.stderr, flush=True)

    environment = {
        "FLEETFOLD_BOOTSTRAP": settings.bootstrap,
        "FLEETFOLD_TOPIC_PREFIX": settings.topic_prefix,
        "FLEETFOLD_GENERATION": str(settings.generation),
        "FLEETFOLD_PARTITIONS": str(settings.partitions),
        "FLEETFOLD_METRICS_PORT": "0",  # the workers in use have it
        "FLEETFOLD_LOG_FORMAT": "json",
    }
    limits = Limits(deaths=settings.restart_limit, window_s=settings.restart_window_s)
    return Supervisor(_command, workers + 1, limits, show, environment=environment)


def _command(number: int) -> list[str]:
    child = [sys.executable, "-m", "processor.cli.tethered"]
    return [
        *child,
        *(["rebuild-router"] if number == 1 else ["worker", "--building", "--number", str(number)]),
    ]


def _router() -> None:
    """Hand on the log to the workers of a rebuild; only `fleetfold rebuild` starts it."""
    from processor.logs import set_up_logging
    from processor.rebuild import run_router

    settings = settings_from()
    if settings.generation <= 1:
        fail("FLEETFOLD_GENERATION must name the generation that is built")
    set_up_logging(settings.log_level, settings.log_format)
    raise typer.Exit(run_router(settings))
