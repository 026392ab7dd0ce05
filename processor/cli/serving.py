"""`fleetfold serve`: the answers over HTTP, and the page."""

import asyncio
import os
from typing import TYPE_CHECKING, Annotated

import typer

from processor.cli.common import BootstrapOption, PrefixOption, fail, settings_from

if TYPE_CHECKING:
    from processor.serve.http.server import Publishing
    from processor.settings import Settings
    from processor.tokens import Tokens

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(  # noqa: PLR0913 -- each is an option
    *,
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    host: Annotated[
        str | None,
        typer.Option("--host", metavar="ADDRESS", help="Where to listen; without tokens on loopback only."),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="N", help="On which port; 0: any that is free.")
    ] = None,
    tokens_file: Annotated[
        str | None, typer.Option("--tokens", metavar="FILE", help="Lines of name, scopes and token.")
    ] = None,
    snapshot_file: Annotated[
        str | None,
        typer.Option("--snapshot", metavar="FILE", help="So that a restart reads only what is new."),
    ] = None,
    publish: Annotated[
        bool | None,
        typer.Option(
            "--publish/--no-publish", help="Take outcomes too: POST /v1/outcomes.", show_default=False
        ),
    ] = None,
    history: Annotated[
        bool | None,
        typer.Option(
            "--history/--no-history",
            help="Follow the time lines; on unless FLEETFOLD_SERVE_HISTORY says no.",
            show_default=False,
        ),
    ] = None,
    log_format: Annotated[
        str | None, typer.Option("--log-format", metavar="text|json", help="Instead of FLEETFOLD_LOG_FORMAT.")
    ] = None,
) -> None:
    """Serve the answers over HTTP, with a page for people, until SIGTERM or Ctrl-C.

    Exit codes: 0 after a stop; 1 failed, a restart may help; 2 cannot work as things are.
    """
    try:
        from processor.serve.http.server import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "processor":
            raise
        fail(f"{error.name} is not installed: `pip install 'fleetfold[serve]'` brings what HTTP needs")
    from processor.logs import set_up_logging
    from processor.tokens import load_tokens

    given = {"serve_host": host, "serve_port": port, "tokens_file": tokens_file, "serve_publish": publish}
    given["serve_history"] = history
    settings = settings_from(
        bootstrap, topic_prefix, snapshot_file=snapshot_file, log_format=log_format, **given
    )
    tokens = load_tokens(settings.tokens_file, os.environ.get("FLEETFOLD_TOKENS", ""))
    set_up_logging(settings.log_level, settings.log_format)
    with asyncio.Runner(loop_factory=_loop) as runner:  # the argument of `asyncio.run` came with Python 3.12
        raise typer.Exit(runner.run(run(settings, tokens, _publishing(settings, tokens))))


def _publishing(settings: "Settings", tokens: "Tokens") -> "Publishing | None":
    if not settings.serve_publish:
        return None
    try:
        from processor.gateway.app import create_router
        from processor.gateway.gateway import Gateway
    except ImportError as error:
        fail(f"to publish it needs the extra `gateway` ({error}): pip install 'fleetfold[gateway]'")
    from processor.serve.http.server import Publishing

    gateway = Gateway(settings, tokens)
    return Publishing(create_router(gateway), gateway.running(), gateway.meters)


def _loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()
