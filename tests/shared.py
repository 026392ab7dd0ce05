"""Brokers that many tests use, one after the other: each test leaves nothing behind for the next.

Every topic costs a broker heap, files and mapped memory for as long as it is there: some hundred tests, each
with the fleet's topics under a prefix of its own, had one of 256 MB end by itself.
"""

import asyncio
import contextlib
from collections.abc import Iterator

from aiokafka.errors import for_code

from processor.admin import admin_client
from processor.broker import EmbeddedKafka

__all__ = ["SHARED", "shared", "tidy"]

_PATIENCE_S = 30

SHARED: dict[str, EmbeddedKafka] = {}
"""Those that run, by the fixture that gives them."""


@contextlib.contextmanager
def shared(fixture: str, broker: EmbeddedKafka) -> Iterator[None]:
    """Let the tests that ask for a fixture clean up on a running broker behind them."""
    SHARED[fixture] = broker
    try:
        yield
    finally:
        del SHARED[fixture]


def tidy(broker: EmbeddedKafka, prefix: str) -> None:
    """Delete a test's topics, without waiting for their files to go.

    Raises:
        BrokerFailedError: the broker ended by itself; holds the end of its log. It runs again, for others.
        FleetfoldError: it does not answer.
        KafkaError: it does not delete them.
        TimeoutError: it takes too long.
    """
    if not broker.running():
        try:
            broker.wait()
        finally:
            broker.restart()
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:  # leaves the test's own loop alone
        runner.run(_delete(broker.bootstrap, prefix))


async def _delete(bootstrap: str, prefix: str) -> None:
    options = {"bootstrap_servers": bootstrap, "request_timeout_ms": _PATIENCE_S * 1_000}
    async with asyncio.timeout(_PATIENCE_S), admin_client(options) as admin:
        names = [name for name in await admin.list_topics() if name.startswith(prefix)]
        answer = await admin.delete_topics(names) if names else None
        for topic, code in answer.topic_error_codes if answer else ():
            if code:
                raise for_code(code)(topic)
