"""`fleetfold worker`: one worker in this process, or some that are supervised."""

import asyncio
import logging
import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from processor.cli.common import BootstrapOption, PrefixOption, settings_from
from processor.errors import FleetfoldError

if TYPE_CHECKING:
    from types import FrameType

    from processor.settings import Settings

__all__ = ["register"]

logger = logging.getLogger(__name__)

AppIdOption = Annotated[
    str | None,
    typer.Option("--app-id", help="The consumer group, instead of FLEETFOLD_APP_ID.", show_default=False),
]
ProcessesOption = Annotated[
    int | None,
    typer.Option(
        "--processes",
        metavar="N",
        min=0,
        help="Start N workers and restart those that die; 0: one per core. Without it: one, in this process.",
        show_default=False,
    ),
]
LogFormatOption = Annotated[
    str | None,
    typer.Option(
        "--log-format", metavar="text|json", help="Instead of FLEETFOLD_LOG_FORMAT.", show_default=False
    ),
]
# Given by the supervisor to its workers; it keeps them from supervising in turn.
NumberOption = Annotated[int | None, typer.Option("--number", hidden=True)]
# Given by a rebuild to its workers: its router hands on the events, and they do not.
BuildingOption = Annotated[bool, typer.Option("--building", hidden=True)]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(worker)


def worker(
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    app_id: AppIdOption = None,
    processes: ProcessesOption = None,
    log_format: LogFormatOption = None,
    number: NumberOption = None,
    building: BuildingOption = False,
) -> None:
    """Fold outcome events into component-stats and co-failures, exactly once, until SIGTERM or Ctrl-C.

    Exit codes: 0 after a stop; 1 failed, a restart may help; 2 cannot work as things are; 3 too many of the
    events are dead letters.
    """
    from processor.logs import set_up_logging

    signal.signal(signal.SIGTERM, _leave)  # until the worker listens itself, there is nothing to finish
    settings = settings_from(
        bootstrap, topic_prefix, app_id=app_id, processes=processes, log_format=log_format
    )
    set_up_logging(settings.log_level, settings.log_format)
    supervised = number is not None
    _check(settings, None if supervised else settings.broker_wait_s, building=building)
    if settings.processes is not None and not supervised:
        given = {"--bootstrap": bootstrap, "--topic-prefix": topic_prefix, "--app-id": app_id}
        flags = [part for flag, value in given.items() if value is not None for part in (flag, value)]
        raise typer.Exit(_supervise(settings, flags))

    from processor.app import run_worker  # Faust takes a second to import

    raise typer.Exit(run_worker(settings, number or 1, building=building))


def _leave(_number: int, _frame: "FrameType | None") -> NoReturn:
    # Not sys.exit: Python ignores what is raised in a destructor, and the signal would be lost.
    os._exit(0)


def _check(settings: "Settings", patience_s: float | None, *, building: bool) -> None:
    """Return once the broker answers and the topics fit; else log why not, line by line, and leave."""
    from processor.preflight import check

    try:
        asyncio.run(check(settings, patience_s))
        if settings.generation > 1 and not building:
            from processor.generations import require_built

            asyncio.run(require_built(settings))
    except FleetfoldError as error:
        for line in str(error).split("\n"):
            logger.error("%s", line)  # noqa: TRY400  # an expected failure needs no traceback
        raise typer.Exit(error.exit_code) from error


def _supervise(settings: "Settings", flags: list[str]) -> int:
    from processor.logs import relayed
    from processor.restarts import Limits
    from processor.supervisor import Supervisor, workers_by_default

    relay = relayed(settings.log_format, colours=sys.stderr.isatty())
    supervisor = Supervisor(
        partial(_command, flags),
        settings.processes or workers_by_default(settings.partitions),
        Limits(deaths=settings.restart_limit, window_s=settings.restart_window_s),
        lambda line, number: print(relay(line, number), file=sys.stderr, flush=True),
    )
    return asyncio.run(supervisor.run())


def _command(flags: list[str], number: int) -> list[str]:
    """Return the command line of a supervised worker; what is no flag comes with the environment."""
    child = [sys.executable, "-m", "processor.cli.tethered", "worker", "--number", str(number)]
    return [*child, "--log-format", "json", *flags]
