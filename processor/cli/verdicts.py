"""`fleetfold verdicts`: the writer of verdicts, as a process of its own."""

import asyncio
from typing import Annotated

import typer

from processor.cli.common import BootstrapOption, PrefixOption, fail, settings_from

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verdicts)


def verdicts(
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    app_id: Annotated[
        str | None, typer.Option("--app-id", help="Instead of FLEETFOLD_APP_ID.", show_default=False)
    ] = None,
    interval_s: Annotated[
        float | None,
        typer.Option("--interval-s", metavar="S", help="How often to judge.", show_default=False),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port", metavar="PORT", help="Instead of FLEETFOLD_METRICS_PORT.", show_default=False
        ),
    ] = None,
    log_format: Annotated[
        str | None, typer.Option("--log-format", metavar="text|json", help="Instead of FLEETFOLD_LOG_FORMAT.")
    ] = None,
) -> None:
    """Weigh the evidence and write verdicts, until SIGTERM or Ctrl-C; a second instance waits and takes over.

    Exit codes: 0 after a stop; 1 failed, a restart may help; 2 cannot work as things are.
    """
    try:
        from processor.verdicts.service import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "processor":
            raise
        fail(f"{error.name} is not installed: `pip install 'fleetfold[verdicts]'` brings what verdicts need")
    from processor.logs import set_up_logging

    settings = settings_from(
        bootstrap,
        topic_prefix,
        app_id=app_id,
        verdicts_interval_s=interval_s,
        metrics_port=metrics_port,
        log_format=log_format,
    )
    set_up_logging(settings.log_level, settings.log_format)
    raise typer.Exit(asyncio.run(run(settings)))
