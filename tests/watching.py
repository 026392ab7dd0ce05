"""Watching a worker through its port, as a probe and as Prometheus do."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
from aiohttp import ClientConnectionError, ClientSession
from prometheus_client.parser import text_string_to_metric_families

from processor.broker.ports import LOOPBACK, free_port
from processor.engine.app import BatchApp
from processor.meters import Meters
from processor.monitor import serve

__all__ = ["Samples", "get", "samples", "served"]

Samples = dict[tuple[str, ...], float]
"""Values by the metric's name and the values of its labels, the labels by name."""


@contextlib.asynccontextmanager
async def served(app: BatchApp, meters: Meters) -> AsyncIterator[str]:
    """Serve a worker's answers on a free port; yields the address."""
    port = free_port()
    async with serve(app, meters, LOOPBACK, port):
        yield f"http://{LOOPBACK}:{port}"


async def get(url: str) -> tuple[int, Any]:
    """Return status and JSON of an answer; (0, None) if nobody listens."""
    try:
        async with ClientSession() as session, session.get(url) as response:
            return response.status, orjson.loads(await response.read())
    except ClientConnectionError:
        return 0, None


async def samples(address: str, headers: Mapping[str, str] | None = None) -> Samples:
    """Scrape a worker, or whatever else serves metrics."""
    async with ClientSession(headers=headers) as session, session.get(f"{address}/metrics") as response:
        text = await response.text()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
