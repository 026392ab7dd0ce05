"""The port of the writer of verdicts, for those who watch it, over all instances of one process."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from processor.monitor import serve_watched
from processor.settings import Settings
from processor.verdicts.meters import VerdictMeters, Writing

__all__ = ["Metered", "watched"]


class Metered(Writing, Protocol):
    """An instance that counts what it does."""

    meters: VerdictMeters


@asynccontextmanager
async def watched(present: Callable[[], Metered], settings: Settings) -> AsyncIterator[None]:
    """Serve `/metrics`, `/healthz` and `/readyz` while the context is open, if a port is set.

    Args:
        present: returns the instance of now; when readers move to another generation, there is a new one.
        settings: address and port.

    Raises:
        RefusedError: the port cannot be had.
    """
    if not settings.metrics_port:
        yield
        return
    async with serve_watched(_Present(present), settings.metrics_host, settings.metrics_port):
        yield


class _Present:
    """Whichever instance there is, as it is watched."""

    def __init__(self, present: Callable[[], Metered]) -> None:
        self._present = present

    def scrape(self, accept: str) -> tuple[bytes, str]:
        present = self._present()
        return present.meters.scrape(present, accept)

    def why_not_ready(self) -> str | None:
        return self._present().why_not_ready()

    def told(self) -> dict[str, object]:
        return {"leads": self._present().leads}
