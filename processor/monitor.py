"""A port for those who watch a process: `/metrics`, `/healthz` and `/readyz`, served in its own event loop.

So an answer is itself the proof that the loop turns. Nothing here changes anything.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import orjson
from aiohttp import web

from processor.engine.app import BatchApp
from processor.engine.errors import RefusedError
from processor.engine.status import why_not_ready
from processor.meters import Meters

__all__ = ["Watched", "serve", "serve_watched"]

STOP_LIMIT_S = 0.5  # the stop of a worker has 10 s in all
logger = logging.getLogger(__name__)


class Watched(Protocol):
    """What is asked of whoever is watched."""

    def scrape(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics and their content type, in the format that the header asks for."""

    def why_not_ready(self) -> str | None:
        """Return why it does not do its work just now; None if it does."""

    def told(self) -> dict[str, object]:
        """Return what `/readyz` says beside yes."""


def serve(app: BatchApp, meters: Meters, host: str, port: int) -> AbstractAsyncContextManager[None]:
    """Serve a worker's port while the context is open.

    Args:
        app: the worker to tell of.
        meters: its metrics.
        host: the IP address to listen on.
        port: the port.

    Raises:
        RefusedError: the port cannot be had.
    """
    return serve_watched(_Worker(app, meters), host, port)


@asynccontextmanager
async def serve_watched(watched: Watched, host: str, port: int) -> AsyncIterator[None]:
    """Serve while the context is open.

    Args:
        watched: whom to tell of.
        host: the IP address to listen on.
        port: the port.

    Raises:
        RefusedError: the port cannot be had.
    """
    watch = _Watch(watched)
    site = web.Application()
    site.router.add_get("/metrics", watch.metrics)
    site.router.add_get("/healthz", watch.healthz)
    site.router.add_get("/readyz", watch.readyz)
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=STOP_LIMIT_S)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except (OSError, OverflowError) as error:  # the latter: the port is beyond 65535
            reason = getattr(error, "strerror", None) or error
            raise RefusedError(
                f"cannot serve metrics on {host} port {port}: {reason}; "
                "set FLEETFOLD_METRICS_HOST and FLEETFOLD_METRICS_PORT to what is free, or the port to 0",
            ) from None
        logger.info("metrics on http://%s:%d/metrics", f"[{host}]" if ":" in host else host, port)
        yield
    finally:
        await runner.cleanup()


class _Worker:
    """A worker as it is watched."""

    def __init__(self, app: BatchApp, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    def scrape(self, accept: str) -> tuple[bytes, str]:
        return self._meters.scrape(self._app, accept)

    def why_not_ready(self) -> str | None:
        return why_not_ready(self._app)

    def told(self) -> dict[str, object]:
        return {"partitions": len(self._app.engine.ownership.positions)}


class _Watch:
    """The answers."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    async def metrics(self, request: web.Request) -> web.Response:
        """All metrics, in the format that is asked for."""
        body, content_type = self._watched.scrape(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def healthz(self, _: web.Request) -> web.Response:
        """200: the process lives."""
        return _json(200, {"alive": True})

    async def readyz(self, _: web.Request) -> web.Response:
        """200 while it does its work, else 503 and why not."""
        reason = self._watched.why_not_ready()
        if reason is not None:
            return _json(503, {"ready": False, "reason": reason})
        return _json(200, {"ready": True, **self._watched.told()})


def _json(status: int, body: dict[str, object]) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")
