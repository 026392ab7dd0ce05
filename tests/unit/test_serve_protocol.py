"""The head of a request has its limits: in size, and in time."""

import asyncio
from typing import Any
from unittest.mock import Mock

import pytest
import uvicorn
from uvicorn.server import ServerState

from processor.serve.http.protocol import HEAD_MAX_BYTES, GuardedProtocol


async def _empty(_scope: object, _receive: object, send: Any) -> None:
    """An application that answers with nothing."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def guarded() -> GuardedProtocol:
    config = uvicorn.Config(_empty, lifespan="off", log_config=None)
    config.load()
    transport = Mock(spec=asyncio.Transport)
    transport.is_closing.return_value = False
    transport.get_extra_info.return_value = None
    made = GuardedProtocol(config=config, server_state=ServerState(), app_state={})
    made.connection_made(transport)
    return made


async def test_a_head_without_end_is_refused(guarded: GuardedProtocol) -> None:
    """X12: a head larger than the limit gets 400, however small its pieces are."""
    guarded.data_received(b"GET / HTTP/1.1\r\n")
    for _ in range(HEAD_MAX_BYTES // 1000 + 1):
        guarded.data_received(b"x: " + b"y" * 995 + b"\r\n")
    assert guarded.transport.write.call_args.args[0].startswith(b"HTTP/1.1 400")  # type: ignore[attr-defined]
    guarded.connection_lost(None)


async def test_a_head_that_does_not_come_is_not_waited_for(guarded: GuardedProtocol) -> None:
    """A connection that says nothing, or half of a head, is closed; one whose head is there is not."""
    assert guarded._timer is not None
    guarded.data_received(b"GET / HTTP/1.1\r\nhost: a\r\n")
    assert guarded._timer is not None
    guarded.data_received(b"\r\n")
    assert guarded._timer is None
    await asyncio.gather(*guarded.server_state.tasks)
    guarded.transport.close.assert_not_called()
    guarded.data_received(b"GET ")
    assert guarded._timer is not None
    guarded._timer._run()  # as when the time is over
    guarded.transport.close.assert_called_once()
    guarded.connection_lost(None)
