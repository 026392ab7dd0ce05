"""Lookups that the server answers at once: each as it is answered the long way, byte by byte."""

import asyncio
import re
from typing import Any
from unittest.mock import Mock

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from processor.loopback import LoopbackHosts
from processor.serve.answers import Answers
from processor.serve.http.app import create_app
from processor.serve.http.context import Context
from processor.serve.http.protocol import AT_ONCE_MAX, GuardedProtocol
from processor.serve.http.server import config_of
from processor.tokens import Tokens, load_tokens
from tests.served import answers_of, stats

HOST = b"host: 127.0.0.1\r\n"
KNOWN = b"GET /v1/components/a%2Fb HTTP/1.1\r\n" + HOST
TAG = re.compile(rb"etag: (\S+)")


class Peer:
    """One connection to a service, without a socket."""

    def __init__(self, app: ASGIApp, connections_max: int | None = None) -> None:
        config = config_of(app)
        config.limit_concurrency = connections_max
        config.load()
        self.transport = Mock(spec=asyncio.Transport)
        self.transport.is_closing.side_effect = lambda: bool(self.transport.close.called)
        self.transport.get_extra_info.return_value = None
        state = ServerState()
        state.default_headers = [(b"date", b"today")]
        self.protocol = GuardedProtocol(config, state, {})
        self.protocol.connection_made(self.transport)

    def send(self, data: bytes) -> bytes:
        """Send data, and return what was answered at once."""
        self.transport.write.reset_mock()
        self.protocol.data_received(data)
        return self._written()

    async def answer(self, data: bytes) -> bytes:
        """Send data, and return all that is answered."""
        self.send(data)
        while self.protocol.tasks:
            await asyncio.gather(*self.protocol.tasks)
            await asyncio.sleep(0)
        return self._written()

    def _written(self) -> bytes:
        return b"".join(call.args[0] for call in self.transport.write.call_args_list)


def gate(answers: Answers | None = None, tokens: Tokens | None = None) -> Any:
    rows = answers or answers_of([stats("a/b", 3, 1), stats("zz", 0, 5), stats("untried", 0, 0)])
    return create_app(Context(rows), tokens, (), None if tokens else LoopbackHosts())


def long_way(app: ASGIApp) -> ASGIApp:
    """The same application, of which the server knows nothing more."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return call


async def both(app: ASGIApp, data: bytes) -> tuple[bytes, bytes]:
    """Return the answers with and without what is answered at once."""
    return await Peer(app).answer(data), await Peer(long_way(app)).answer(data)


@pytest.mark.parametrize(
    "target",
    [
        b"/v1/components/a%2Fb",
        b"/v1/components/a/b",
        b"/v1/components/a%2fb?whatever=1",
        b"/v1/components/untried",
        b"/v1/components/never%20seen",
        b"/v1/components/a+b",
    ],
)
async def test_a_lookup_is_answered_at_once_as_the_long_way(target: bytes) -> None:
    """X9: known, unknown, encoded or not: the bytes are the same, and no task was needed for them."""
    data = b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    fast, slow = await both(gate(), data)
    assert fast == slow
    assert Peer(gate()).send(data) == fast


@pytest.mark.parametrize(
    "data",
    [
        b"HEAD /v1/components/zz HTTP/1.1\r\n" + HOST + b"\r\n",
        b"DELETE /v1/components/zz HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /v1/components/zz/conflicts HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /v1/components/ HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /v1/components/%FF HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /v1/components/" + b"x" * 5000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /v1/components/zz?" + b"x" * 5000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /v1/components/zz#part HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET http://127.0.0.1/v1/components/zz HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /v1/components/zz HTTP/1.1\r\nhost: evil.example\r\n\r\n",
        b"GET /v1/components/zz HTTP/1.1\r\n\r\n",
        b"GET /v1/components/zz HTTP/1.0\r\n" + HOST + b"\r\n",
        KNOWN + b"connection: close\r\n\r\n",
        KNOWN + b"expect: 100-continue\r\n\r\n",
        KNOWN + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n",
        KNOWN + b"content-length: 3\r\n\r\nabc",
        KNOWN + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    ],
)
async def test_what_is_more_than_a_lookup_goes_the_long_way(data: bytes) -> None:
    """Other methods and versions, bodies, questions, refusals: as uvicorn does it, never at once."""
    app = gate()
    assert Peer(app).send(data).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n") == b""
    fast, slow = await both(app, data)
    assert fast == slow
    assert fast.startswith(b"HTTP/1.1 ")


async def test_tokens_are_asked_for_at_once_too() -> None:
    """No token, a wrong one, one of another scope: refused as ever; the right one is answered at once."""
    app = gate(tokens=load_tokens("", "a read reader-0123456789; b publish writer-0123456789"))
    for token, status in ((b"", 401), (b"Bearer other-0123456789", 401), (b"Bearer writer-0123456789", 403)):
        data = KNOWN + (b"Authorization: " + token + b"\r\n" if token else b"") + b"\r\n"
        fast, slow = await both(app, data)
        assert fast == slow
        assert fast.startswith(b"HTTP/1.1 %d " % status)
    assert b" 200 OK" in Peer(app).send(KNOWN + b"authorization: Bearer reader-0123456789\r\n\r\n")


async def test_a_tag_saves_the_body_at_once() -> None:
    """If-None-Match is judged on the short way as well: 304, without a body or its length."""
    found = TAG.search(Peer(gate()).send(KNOWN + b"\r\n"))
    assert found
    data = KNOWN + b"If-None-Match: W/" + found[1] + b"\r\n\r\n"
    fast, slow = await both(gate(), data)
    assert fast == slow == Peer(gate()).send(data)
    assert fast.startswith(b"HTTP/1.1 304 ")
    assert fast.endswith(b"\r\n\r\n")
    assert b"content-length" not in fast


async def test_until_the_rows_are_read_nothing_is_answered_at_once() -> None:
    """Half of the rows would be a wrong answer: 503 on both ways."""
    fast, slow = await both(gate(Answers()), KNOWN + b"\r\n")
    assert fast == slow
    assert fast.startswith(b"HTTP/1.1 503 ")


async def test_answers_come_in_the_order_of_the_questions() -> None:
    """Requests sent without waiting: a lookup behind a slow one waits for it; others have their turn."""
    slow = b"GET /v1/status HTTP/1.1\r\n" + HOST + b"\r\n"
    lookup, other = KNOWN + b"\r\n", b"GET /v1/components/zz HTTP/1.1\r\n" + HOST + b"\r\n"
    told = await Peer(gate()).answer(lookup + slow + other + lookup)
    order = [told.index(b'"component_id":"a/b"'), told.index(b'"pipeline"'), told.index(b'"zz"')]
    assert order == sorted(order)
    assert told.count(b"HTTP/1.1 200 OK") == 4
    peer = Peer(gate())
    assert peer.send(lookup * (AT_ONCE_MAX + 3)).count(b"200 OK") == AT_ONCE_MAX
    assert (await peer.answer(b"")).count(b"200 OK") == 3


async def test_limits_hold_at_once() -> None:
    """Too many connections get 503; a peer that does not read is not written to; a closed one neither."""
    app = gate()
    full = Peer(app, connections_max=1)
    assert full.send(KNOWN + b"\r\n") == b""
    assert b" 503 " in await Peer(app, connections_max=1).answer(KNOWN + b"\r\n")
    stuffed = Peer(app)
    stuffed.protocol.pause_writing()
    assert stuffed.send(KNOWN + b"\r\n") == b""
    stuffed.protocol.resume_writing()
    assert b" 200 " in await stuffed.answer(b"")
    closed = Peer(app)
    closed.transport.close()
    assert closed.send(KNOWN + b"\r\n") == b""


async def test_a_lookup_at_once_is_counted_and_the_connection_kept() -> None:
    """Its count stands among the metrics; an idle connection is closed in time; a shutdown closes it too."""
    app = gate()
    peer = Peer(app)
    peer.send((KNOWN + b"\r\n") * 2)
    text = (await peer.answer(b"GET /metrics HTTP/1.1\r\n" + HOST + b"\r\n")).decode()
    assert 'requests_total{route="/v1/components/{component_id}",status="200"} 2.0' in text
    peer = Peer(app)
    peer.send(KNOWN + b"\r\n")
    assert peer.protocol.timeout_keep_alive_task is not None
    peer.protocol.shutdown()
    peer.transport.close.assert_called_once()
    peer.protocol.connection_lost(None)
    assert peer.protocol.timeout_keep_alive_task is None
