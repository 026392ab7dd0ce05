"""The broker for the tests: one for the whole run (of each process), a topic prefix for each test.

A test that asks for `kafka`, `own_broker` or `secured` is marked `kafka` by itself, so that
`make test-fast` is sure to leave it out.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis  # early: pytest loads it at its end, in the middle of collecting garbage
import pytest
import schemathesis.reporting.recorders  # noqa: F401 -- as above: its plugin loads it at the end

from processor.broker import EmbeddedKafka, ports
from tests.secured import Secured
from tests.shared import SHARED, shared, tidy

hypothesis.settings.register_profile("fleetfold", deadline=None)  # no test asserts times
hypothesis.settings.load_profile("fleetfold")

_BROKER_FIXTURES = frozenset({"kafka", "own_broker", "secured"})

# The same folder as under `make`, so that a bare `pytest` does not fetch the jars a second time.
os.environ.setdefault("FLEETFOLD_CACHE_DIR", str(Path(__file__).parents[1] / ".cache"))


def pytest_configure() -> None:
    """Give each process of a run ports of its own: some are chosen seconds before a broker listens there."""
    if process := os.environ.get("PYTEST_XDIST_WORKER"):
        count = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        ports.PORTS = ports.PORTS[int(process.removeprefix("gw")) :: count]


@pytest.hookimpl(tryfirst=True)  # before `-m` looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _BROKER_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kafka)


@pytest.fixture(scope="session")
def kafka() -> Iterator[EmbeddedKafka]:
    """One broker for the whole run; a test that stops or kills a broker takes `own_broker`."""
    with EmbeddedKafka() as broker, shared("kafka", broker):
        yield broker


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A broker with TLS, certificates, passwords and access rules, for the tests of one file."""
    found = Secured(tmp_path_factory.mktemp("secured"))
    with found.broker, shared("secured", found.broker):
        yield found


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> Iterator[str]:
    """A topic prefix that no other test has; what a shared broker has under it is gone after the test."""
    name = f"t{secrets.token_hex(4)}-"
    yield name
    for fixture in SHARED.keys() & set(request.fixturenames):
        tidy(SHARED[fixture], name)


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Callable[..., EmbeddedKafka]]:
    """A function that starts a broker for this test alone; it takes EmbeddedKafka's arguments.

    Without `data_dir`, the data lies in the test's folder, and stays there over kill and restart.
    """
    brokers: list[EmbeddedKafka] = []

    def start(**arguments: Any) -> EmbeddedKafka:
        arguments.setdefault("data_dir", tmp_path / f"broker-{len(brokers)}")
        broker = EmbeddedKafka(**arguments)
        brokers.append(broker)
        broker.start()
        return broker

    yield start
    for broker in brokers:
        broker.stop()
