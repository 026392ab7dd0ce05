"""`fleetfold gateway`: take outcomes over HTTP until SIGTERM."""

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from processor.cli.common import BootstrapOption, PrefixOption, fail, settings_from

if TYPE_CHECKING:
    from socket import socket

    from processor.settings import Settings
    from processor.tokens import Tokens

__all__ = ["gateway", "register"]

_LOG = logging.getLogger(__name__)
_STOP_WITHIN_S = 8

ListenOption = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="ADDRESS",
        help="Where to listen, instead of FLEETFOLD_GATEWAY_HOST; without tokens on loopback only.",
        show_default=False,
    ),
]
PortOption = Annotated[
    int | None,
    typer.Option("--port", metavar="N", help="Instead of FLEETFOLD_GATEWAY_PORT.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add `gateway`."""
    app.command("gateway")(gateway)


def gateway(
    host: ListenOption = None,
    port: PortOption = None,
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
) -> None:
    """Take outcomes over HTTP: `POST /v1/outcomes`, one event, an array, or JSON lines.

    Tokens with the scope `publish` come from FLEETFOLD_TOKENS_FILE or FLEETFOLD_TOKENS. It starts without a
    Kafka and answers 503 until one is there; one that turns it away ends it with exit code 2.
    """
    import asyncio
    import os

    from processor.preflight import check_admission
    from processor.tokens import load_tokens

    settings = settings_from(bootstrap, topic_prefix, gateway_host=host, gateway_port=port)
    tokens = load_tokens(settings.tokens_file, os.environ.get("FLEETFOLD_TOKENS", ""))
    asyncio.run(check_admission(settings))
    _run(settings, tokens)


def _run(settings: "Settings", tokens: "Tokens") -> None:
    try:
        import uvicorn

        from processor.gateway.app import create_app
        from processor.gateway.gateway import Gateway
    except ImportError as error:
        fail(f"the gateway needs the extra `gateway` ({error}): pip install 'fleetfold[gateway]'")
    from processor.logs import set_up_logging
    from processor.loopback import is_loopback

    if not tokens and not is_loopback(settings.gateway_host):
        fail(
            f"without tokens the gateway listens on loopback only, not on {settings.gateway_host}: "
            "set FLEETFOLD_TOKENS_FILE"
        )
    set_up_logging(settings.log_level, settings.log_format)

    class Server(uvicorn.Server):
        async def startup(self, sockets: "list[socket] | None" = None) -> None:
            await super().startup(sockets)
            for listener in (each for server in self.servers for each in server.sockets):
                host, port = listener.getsockname()[:2]
                _LOG.info("the gateway listens", extra={"address": f"{host}:{port}"})

    config = uvicorn.Config(
        create_app(Gateway(settings, tokens)),
        host=settings.gateway_host,
        port=settings.gateway_port,
        log_config=None,
        log_level="warning",  # it tells each of its steps; where it listens we say ourselves
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_STOP_WITHIN_S,
    )
    server = Server(config)
    server.run()
    if not server.started:
        raise typer.Exit(2)
