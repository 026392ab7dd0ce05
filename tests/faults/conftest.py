"""One broker with a proxy for all fault tests; a scene for each."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from processor.topics import create
from tests.faults.network import ProxiedKafka, proxied_broker
from tests.faults.scene import Scene, scene_settings
from tests.proxy import Proxy
from tests.shared import shared

MakeScene = Callable[..., Awaitable[Scene]]


@pytest.fixture(scope="session")
def proxied_kafka() -> Iterator[ProxiedKafka]:
    with proxied_broker() as running, shared("proxied_kafka", running.broker):
        yield running


@pytest.fixture
async def proxy(proxied_kafka: ProxiedKafka) -> AsyncIterator[Proxy]:
    """The way from the workers of one test to `proxied_kafka`."""
    async with proxied_kafka.proxy().running() as running:
        yield running


@pytest.fixture
def make_scene(tmp_path: Path, prefix: str) -> MakeScene:
    """A function that makes a test's topics and scene: workers may go another way than clients."""

    async def make(bootstrap: str, *, through: str | None = None, seed: int = 1, **changes: object) -> Scene:
        settings = scene_settings(bootstrap, prefix, **changes)
        await create(settings)
        folder = tmp_path / "logs"
        await asyncio.to_thread(folder.mkdir)
        return Scene(settings, folder, seed, through=through, **changes)

    return make
