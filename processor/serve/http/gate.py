"""What every request passes: where it may come from, who sent it, whether there are answers yet.

Then the two hot questions are answered at once, and the others go on to FastAPI. It counts and times all.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from processor.loopback import LoopbackHosts
from processor.serve.answers import Answers
from processor.serve.http import lookups
from processor.serve.http.paths import COMPONENTS, BadPathError, component_path, routed
from processor.serve.http.replies import NO_SNIFFING, Reply, problem
from processor.tokens import Scope as TokenScope
from processor.tokens import Tokens, Verdict

__all__ = ["Counted", "Gate"]

logger = logging.getLogger(__name__)

SCORES = "/v1/scores"
STATUS = "/v1/status"
STREAM = "/v1/stream"
BODY_MAX = 4 * 1024 * 1024
BODY_WITHIN_S = 10.0
PATH_MAX = 4096
QUERY_MAX = 4096
LOOKUP = "/v1/components/{component_id}"
_COMPONENTS = COMPONENTS.encode()
_GUARDED = ("/v1/", "/metrics")


class Counted(Protocol):
    """Who is told of each answer."""

    def answered(self, route: str, status: int, duration_s: float) -> None:
        """Count it."""


class Gate:
    """The outermost application.

    Args:
        app: what answers the rest.
        answers: what is known.
        tokens: who may ask; without any, everybody who reaches it.
        counted: who is told of each answer.
        hosts: which Host headers are ours; None for all.
        own_scopes: paths whose answers judge tokens themselves, and need no rows.
    """

    def __init__(
        self,
        app: ASGIApp,
        answers: Answers,
        tokens: Tokens,
        counted: Counted,
        hosts: LoopbackHosts | None,
        own_scopes: frozenset[str] = frozenset(),
    ) -> None:
        self._app = app
        self._answers = answers
        self._tokens = tokens
        self._counted = counted
        self._hosts = hosts
        self._own_scopes = own_scopes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s, told = time.perf_counter(), _Told(send, head=scope["method"] == "HEAD")
        route = "other"
        try:
            route = await self._route(scope, receive, told.send)
        except Exception:
            logger.exception("a request to %s failed", scope["path"][:200])
            if told.status:
                raise  # half of the answer is sent: the server must break the connection
            await problem(HTTPStatus.INTERNAL_SERVER_ERROR, "a bug in Fleetfold: see its log").send(told.send)
        finally:
            self._counted.answered(route, told.status, time.perf_counter() - began_s)

    def at_once(self, target: bytes, headers: Mapping[bytes, bytes]) -> Reply | None:
        """Answer a lookup without waiting for anything; None for all else, which goes the long way.

        Args:
            target: of a GET, as it came.
            headers: by their names in lower case.
        """
        if not target.startswith(_COMPONENTS) or not target.isascii() or b"#" in target:
            return None
        began_s = time.perf_counter()
        raw_path, _, query = target.partition(b"?")
        if self._refusal(COMPONENTS, raw_path, query, headers) is not None:
            return None
        try:
            component_id, question = component_path(raw_path.decode("ascii"))
        except BadPathError:
            return None
        if question:
            return None
        reply = self._lookup(component_id, headers)
        self._counted.answered(LOOKUP, reply.status, time.perf_counter() - began_s)
        return reply

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> str:
        """Answer, and return the route for the count."""
        headers = _headers(scope)
        raw_path = _raw_path(scope)
        refusal = self._refusal(scope["path"], raw_path, scope.get("query_string", b""), headers)
        if refusal is not None:
            await refusal.send(send)
            return "refused"
        if scope["method"] == "HEAD":
            if scope["path"] == STREAM:  # its body has no end, even if nobody wants it
                await Reply(HTTPStatus.OK, b"", "text/event-stream").send(send)
                return STREAM
            scope["method"] = "GET"
        path, method = scope["path"], scope["method"]
        if path == SCORES and method == "POST":
            body = await _body(receive, headers)
            await (body if isinstance(body, Reply) else lookups.scores(self._answers, body)).send(send)
            return SCORES
        if path.startswith(COMPONENTS):
            return await self._component(scope, raw_path, headers, receive, send)
        await self._app(scope, receive, send)
        return getattr(scope.get("route"), "path", "other")

    async def _component(
        self, scope: Scope, raw_path: bytes, headers: Mapping[bytes, bytes], receive: Receive, send: Send
    ) -> str:
        try:
            component_id, question = component_path(raw_path.decode("latin-1"))
        except BadPathError as error:
            await problem(HTTPStatus.BAD_REQUEST, str(error)).send(send)
            return "refused"
        if question or scope["method"] != "GET":
            scope["path"] = routed(component_id, question)
            await self._app(scope, receive, send)
            return getattr(scope.get("route"), "path", "other")
        await self._lookup(component_id, headers).send(send)
        return LOOKUP

    def _lookup(self, component_id: str, headers: Mapping[bytes, bytes]) -> Reply:
        match = headers.get(b"if-none-match")
        return lookups.component(self._answers, component_id, match.decode("latin-1") if match else None)

    def _refusal(
        self, path: str, raw_path: bytes, query: bytes, headers: Mapping[bytes, bytes]
    ) -> Reply | None:
        if self._hosts is not None and not self._hosts.ours(headers.get(b"host", b"")):
            return problem(
                HTTPStatus.MISDIRECTED_REQUEST, "without tokens only names of loopback are answered"
            )
        if len(raw_path) > PATH_MAX or len(query) > QUERY_MAX:
            return problem(HTTPStatus.REQUEST_URI_TOO_LONG, f"a path or query has at most {PATH_MAX} bytes")
        is_guarded = path.startswith(_GUARDED) and path not in self._own_scopes
        return self._unauthorized(path, headers) if is_guarded else None

    def _unauthorized(self, path: str, headers: Mapping[bytes, bytes]) -> Reply | None:
        verdict = self._tokens.judge(headers.get(b"authorization"), TokenScope.READ)
        if verdict is Verdict.UNKNOWN:
            challenge = ("www-authenticate", 'Bearer realm="fleetfold", scope="read"')
            return problem(HTTPStatus.UNAUTHORIZED, "a bearer token is needed", challenge)
        if verdict is Verdict.FORBIDDEN:
            challenge = ("www-authenticate", 'Bearer error="insufficient_scope", scope="read"')
            return problem(HTTPStatus.FORBIDDEN, "the token's scopes do not include read", challenge)
        if path.startswith("/v1/") and path != STATUS and not self._answers.ready:
            wait = ("retry-after", "2")
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "the rows are still being read", wait)
        return None


class _Told:
    """Sees what is sent; leaves out the body where only the head was asked for."""

    def __init__(self, send: Send, *, head: bool) -> None:
        self._send = send
        self._head = head
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), NO_SNIFFING]
        elif self._head:
            message = {**message, "body": b""}
        await self._send(message)


def _headers(scope: Scope) -> dict[bytes, bytes]:
    return dict(scope["headers"])


def _raw_path(scope: Scope) -> bytes:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.split(b"?")[0]


async def _body(receive: Receive, headers: Mapping[bytes, bytes]) -> bytes | Reply:
    """Return a request's body; or a problem, if it is too large or does not come."""
    too_large = problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {BODY_MAX:,} bytes")
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length) > BODY_MAX:
        return too_large
    media_type = headers.get(b"content-type", b"application/json").split(b";")[0].strip().lower()
    if media_type != b"application/json":
        return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must be application/json")
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            while True:
                message = await receive()
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > BODY_MAX:
                    return too_large
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        return problem(HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {BODY_WITHIN_S:.0f} s")
