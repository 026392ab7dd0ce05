"""Runs the service: HTTP from the first moment, the view beside it, one end for both.

While the rows are being read, `/readyz` says so. A view that can no longer follow ends the service, with exit
code 1: a restart may help. SIGTERM lets the answers under way finish and the streams end.
"""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import APIRouter
from prometheus_client.registry import Collector

from processor.errors import KafkaUnavailableError, SettingsError
from processor.loopback import LoopbackHosts, is_loopback
from processor.preflight import may_pass
from processor.serve.http.app import create_app
from processor.serve.http.context import Context
from processor.serve.http.protocol import GuardedProtocol
from processor.serve.view import OutcomeView
from processor.settings import Settings
from processor.tokens import Tokens

__all__ = ["Publishing", "config_of", "run"]

logger = logging.getLogger(__name__)

CONNECTIONS_MAX = 2_000
BACKLOG = 1_024
KEEP_ALIVE_S = 30
GRACE_S = 8  # of the 10 s in which a service is to be gone
SNAPSHOT_EVERY_S = 300.0
_TURNS_EVERY_S = 5.0
_PAUSE_S = 1.0


class _Server(uvicorn.Server):
    """uvicorn's server; signals are ours."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: `run` listens to them."""
        yield


@dataclass(frozen=True, slots=True)
class Publishing:
    """What takes outcomes beside the answers.

    Attributes:
        router: its routes, which judge tokens themselves.
        running: holds what it needs while the service runs.
        meters: its metrics, which the service shows with its own.
    """

    router: APIRouter
    running: AbstractAsyncContextManager[object]
    meters: Collector


async def run(settings: Settings, tokens: Tokens, publishing: Publishing | None = None) -> int:
    """Serve until SIGTERM or SIGINT, or until the view can no longer follow.

    Args:
        settings: where to listen, and what to read.
        tokens: who may ask.
        publishing: takes outcomes; None where only answers are served.

    Returns:
        The exit code.

    Raises:
        SettingsError: without tokens the address must be of loopback; or the port cannot be had.
        TopicsError: a topic is missing, or there is no right to read it.
        KafkaUnavailableError: no broker answers in time.
    """
    host = settings.serve_host
    if not tokens and not is_loopback(host):
        raise SettingsError(
            f"{host} can be reached from elsewhere: set FLEETFOLD_TOKENS_FILE or FLEETFOLD_TOKENS, "
            "or listen on 127.0.0.1"
        )
    listener = _listen(host, settings.serve_port)
    path = Path(settings.snapshot_file) if settings.snapshot_file else None
    view = OutcomeView(settings, path, more=True, history=settings.serve_history)
    context = Context(view, view)
    origins = tuple(filter(None, settings.cors_origins.split(",")))
    hosts = None if tokens else LoopbackHosts()
    more = (publishing.router, publishing.meters) if publishing else None
    app = create_app(context, tokens, origins, hosts, more)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # what it says at a start, we say
    server = _Server(config_of(app))
    _on_signals(server, context, view)
    serving = asyncio.create_task(server.serve([listener]))
    following = asyncio.create_task(_follow(view, context, settings, server))
    try:
        async with publishing.running if publishing else nullcontext():
            await asyncio.wait([serving, following], return_when=asyncio.FIRST_COMPLETED)
            _stop(server, context, view)
            await serving
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
    finally:
        await _save(view)
        await view.close()
    return 0 if view.error is None else 1


def config_of(app: object) -> uvicorn.Config:
    """Return how uvicorn is to serve an ASGI application: its limits, and what it must not do."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # an ASGI application, in Starlette's words
        loop="uvloop",
        http=GuardedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # what a peer says of others is not needed, and costs each request
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = error.strerror or error
        raise SettingsError(
            f"cannot listen on {host} port {port}: {reason}; set FLEETFOLD_SERVE_PORT to one that is free"
        ) from error
    listener.listen(BACKLOG)
    listener.setblocking(False)  # noqa: FBT003 -- the library's way
    return listener


def _on_signals(server: uvicorn.Server, context: Context, view: OutcomeView) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, server, context, view)


def _stop(server: uvicorn.Server, context: Context, view: OutcomeView) -> None:
    """Take no more requests, let the streams end, and then the server."""
    context.closing = True
    view.changes.end()
    server.should_exit = True


async def _follow(view: OutcomeView, context: Context, settings: Settings, server: uvicorn.Server) -> None:
    """Read the rows, then keep the house until the view ends."""
    while not server.started:  # noqa: ASYNC110 -- uvicorn has no event for it
        await asyncio.sleep(0.01)
    where = f"[{settings.serve_host}]" if ":" in settings.serve_host else settings.serve_host
    port = server.servers[0].sockets[0].getsockname()[1]
    logger.info("serving on http://%s:%d", where, port)
    await _start(view, settings.broker_wait_s)
    await view.catch_up()
    gc.collect()
    gc.freeze()  # a million rows need not be looked at again and again
    logger.info("ready: %d components, %d pairs", len(view.rows.values), view.pairs.count)
    saved_s = asyncio.get_running_loop().time()
    while view.error is None:
        context.turns.look(view.rows)
        await asyncio.sleep(_TURNS_EVERY_S)
        if asyncio.get_running_loop().time() - saved_s >= SNAPSHOT_EVERY_S:
            await _save(view)
            saved_s = asyncio.get_running_loop().time()


async def _start(view: OutcomeView, patience_s: float) -> None:
    """Start the view; a broker that does not answer is waited for, and said once."""
    deadline_s = asyncio.get_running_loop().time() + patience_s
    told = False
    while True:
        try:
            await view.start()
        except KafkaUnavailableError as error:
            if not may_pass(error) or asyncio.get_running_loop().time() >= deadline_s:
                raise
            if not told:
                logger.warning("%s; trying again for %.0f s", error, patience_s)
                told = True
            await asyncio.sleep(_PAUSE_S)
        else:
            return


async def _save(view: OutcomeView) -> None:
    """Write the snapshot; a disk that is full ends no service."""
    try:
        if path := await view.save_snapshot():
            logger.info("saved the snapshot %s", path)
    except OSError as error:
        logger.warning("the snapshot could not be saved: %s", error)
