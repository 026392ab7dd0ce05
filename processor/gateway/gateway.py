"""The way of one request: who sends it, what it holds, whether it was here before, whether Kafka has it."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import orjson
from starlette.requests import Request
from starlette.responses import Response

from processor.gateway.bodies import media_type, too_large, unpacked
from processor.gateway.forwarder import Forwarder
from processor.gateway.keys import KEY_MAX, Keys
from processor.gateway.meters import GatewayMeters
from processor.gateway.problems import ProblemError, answer
from processor.gateway.rate import Rates
from processor.gateway.reading import Reading, read
from processor.loopback import LoopbackHosts
from processor.settings import Settings
from processor.tokens import Scope, Tokens, Verdict

__all__ = ["Gateway"]

_BODY_WITHIN_S = 30.0


class Gateway:
    """Takes outcomes over HTTP; it works while `running`.

    Args:
        settings: which Kafka, and the limits.
        tokens: who may publish; without any, whoever reaches it by a name of loopback.
    """

    def __init__(self, settings: Settings, tokens: Tokens) -> None:
        self._settings = settings
        self._tokens = tokens
        self.meters = GatewayMeters(self, settings.gateway_pending_max)
        self._forwarder = Forwarder(settings, self.meters.acknowledged)
        self._keys = Keys()
        self._rates = Rates(settings.gateway_rate)
        self._hosts = LoopbackHosts()

    @property
    def trouble(self) -> str:
        """Why nothing can be accepted just now; "" if all is well."""
        return self._forwarder.trouble

    @property
    def pending(self) -> int:
        """How many events wait to be sent."""
        return self._forwarder.pending

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Gateway"]:
        """Hold a connection to Kafka for the length of the block."""
        async with self._forwarder.running():
            yield self

    async def outcomes(self, request: Request) -> Response:
        """Answer `POST /v1/outcomes`; a problem is an answer too."""
        began_s = time.perf_counter()
        try:
            response = await self._answer(request)
        except Exception:  # a bug, which the server answers; a client that is gone is no Exception
            self.meters.answered(HTTPStatus.INTERNAL_SERVER_ERROR, time.perf_counter() - began_s)
            raise
        self.meters.answered(response.status_code, time.perf_counter() - began_s)
        return response

    async def _answer(self, request: Request) -> Response:
        try:
            self.admit(request, Scope.PUBLISH)
            kind = media_type(request.headers.get("content-type", ""))
            packed = await self._body(request)
            limit = self._settings.gateway_body_max_bytes
            body = unpacked(packed, request.headers.get("content-encoding", ""), limit)
            return await self._take(_caller(request), _key(request), body, kind)
        except ProblemError as problem:
            return problem.response()

    def admit(self, request: Request, scope: Scope) -> None:
        """Let a request in.

        Args:
            request: as it came.
            scope: what its token must be good for.

        Raises:
            ProblemError: 401, 403; without tokens 421 for a name that is not loopback's.
        """
        if not self._tokens:
            header = request.headers.get("host", "")
            if not self._hosts.ours(header.encode("latin-1")):  # a web page may have given us its own name
                raise ProblemError(
                    HTTPStatus.MISDIRECTED_REQUEST, "without tokens only names of loopback are answered"
                )
            return
        token = request.headers.get("authorization")
        verdict = self._tokens.judge(token.encode("latin-1") if token else None, scope)
        if verdict is Verdict.UNKNOWN:
            challenge = {"WWW-Authenticate": f'Bearer realm="fleetfold", scope="{scope}"'}
            raise ProblemError(HTTPStatus.UNAUTHORIZED, "a bearer token is needed", headers=challenge)
        if verdict is Verdict.FORBIDDEN:
            challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
            text = f"the token's scopes do not include {scope}"
            raise ProblemError(HTTPStatus.FORBIDDEN, text, headers=challenge)

    async def _body(self, request: Request) -> bytes:
        limit = self._settings.gateway_body_max_bytes
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > limit:
            raise too_large(limit)
        parts, size = [], 0
        try:
            async with asyncio.timeout(_BODY_WITHIN_S):
                async for part in request.stream():
                    size += len(part)
                    if size > limit:
                        raise too_large(limit)
                    parts.append(part)
        except TimeoutError as error:
            text = f"the body did not come within {_BODY_WITHIN_S:.0f} s"
            raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, text) from error
        return b"".join(parts)

    async def _take(self, caller: str, key: str, body: bytes, kind: str) -> Response:
        name = f"{caller}\0{key}" if key else ""
        if name:
            digest = hashlib.blake2b(body, digest_size=16, key=kind.encode()).digest()
            before = self._keys.begin(name, digest, time.monotonic())
            if before is not None:
                return answer(HTTPStatus.ACCEPTED, before, {"Idempotency-Replayed": "true"})
        try:
            reading = read(body, kind, self._settings.gateway_batch_max, name)
            self._within_rate(caller, len(reading.results))
            await self._forwarder.deliver(reading.events)
        except BaseException:
            self._keys.fail(name)
            raise
        self.meters.took(_counts(reading))
        if reading.count("rejected") == len(reading.results):
            self._keys.fail(name)
            text = "none of the events is valid: see results"
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, text, results=reading.results)
        if name:
            self._keys.finish(name, _as_json(reading, replayed=True))
        return answer(HTTPStatus.ACCEPTED, _as_json(reading, replayed=False))

    def _within_rate(self, caller: str, events: int) -> None:
        wait_s = self._rates.take(caller, events, time.monotonic())
        if wait_s:
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"a caller may send {self._settings.gateway_rate:,} events a second",
                headers={"Retry-After": str(wait_s)},
            )


def _as_json(reading: Reading, *, replayed: bool) -> bytes:
    results = reading.results
    if replayed:
        results = [one | {"status": "duplicate"} if one["status"] == "accepted" else one for one in results]
    return orjson.dumps({**_counts(Reading([], results)), "results": results})


def _counts(reading: Reading) -> dict[str, int]:
    return {status: reading.count(status) for status in ("accepted", "duplicate", "rejected")}


def _caller(request: Request) -> str:
    """Return what tells callers apart: the token's hash, or the address."""
    header = request.headers.get("authorization")
    if header:
        return hashlib.sha256(header.encode("latin-1")).hexdigest()
    return request.client.host if request.client else ""


def _key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if len(key) > KEY_MAX:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, f"an Idempotency-Key has at most {KEY_MAX} characters, not {len(key)}"
        )
    return key
