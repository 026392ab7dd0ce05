"""A worker's port without a broker: before the start, after a failure, and when the port is taken."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession
from aiokafka import TopicPartition

from processor.app import create_app
from processor.broker.ports import LOOPBACK, free_port
from processor.engine import status
from processor.engine.engine import InFlight
from processor.engine.errors import RefusedError
from processor.meters import Meters
from processor.monitor import serve
from processor.settings import load_settings
from tests.watching import get, served


@pytest.fixture
async def watched() -> AsyncIterator[tuple[Any, str]]:
    """A worker that was never started, and its address."""
    meters = Meters()
    app = create_app(load_settings(), meters)
    async with served(app, meters) as address:
        yield app, address


async def test_a_worker_without_assignment_lives_and_is_not_ready(watched: tuple[Any, str]) -> None:
    """The process lives; it does no work yet, and says why."""
    _, address = watched
    assert await get(f"{address}/healthz") == (200, {"alive": True})
    assert await get(f"{address}/readyz") == (
        503,
        {"ready": False, "reason": "no assignment from the group yet"},
    )


async def test_a_failed_worker_tells_its_failure(watched: tuple[Any, str]) -> None:
    """After the first error nothing is folded: 503, with the error."""
    app, address = watched
    app.engine.fail(ValueError("a fault"))
    assert await get(f"{address}/readyz") == (503, {"ready": False, "reason": "failed: ValueError: a fault"})
    assert await get(f"{address}/healthz") == (200, {"alive": True})


async def test_a_commit_that_hangs_is_told(watched: tuple[Any, str]) -> None:
    """Commits going on is a part of being ready: one that began long ago is named."""
    app, _ = watched
    now_s = time.monotonic()
    app.engine.in_flight[TopicPartition("words", 2)] = InFlight(5, 1, 0, now_s - status.STALLED_COMMIT_S / 2)
    assert status._stalled(app.engine) is None
    app.engine.in_flight[TopicPartition("words", 3)] = InFlight(5, 1, 0, now_s - status.STALLED_COMMIT_S - 2)
    assert status._stalled(app.engine) == "a commit of words[3] has taken 12 s so far"


@pytest.mark.parametrize(
    ("accept", "answer"),
    [("", "text/plain"), ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text")],
)
async def test_metrics_come_in_the_format_that_is_asked_for(
    watched: tuple[Any, str], accept: str, answer: str
) -> None:
    """Prometheus asks for OpenMetrics, people with a browser for text."""
    _, address = watched
    async with (
        ClientSession() as session,
        session.get(f"{address}/metrics", headers={"Accept": accept}) as response,
    ):
        assert response.status == 200
        assert response.headers["Content-Type"].startswith(answer)
        assert "fleetfold_build_info{" in await response.text()


async def test_a_port_that_cannot_be_had_stops_the_start() -> None:
    """X10: one line that names host, port and the setting; exit code 2."""
    meters = Meters()
    app = create_app(load_settings(), meters)
    port = free_port()
    async with serve(app, meters, LOOPBACK, port):
        for wrong in (port, 65_536):
            with pytest.raises(RefusedError, match=f"127.0.0.1 port {wrong}: .*FLEETFOLD_METRICS_PORT"):
                async with serve(app, meters, LOOPBACK, wrong):
                    pytest.fail("it served")
