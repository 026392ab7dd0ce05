"""An answer over HTTP before it is sent: one form for the fast routes and for those that FastAPI serves.

Errors are problem details (RFC 9457): what went wrong in `title`, this time in `detail`.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Send

__all__ = ["JSON", "NO_SNIFFING", "PROBLEM", "Reply", "fresh", "problem", "tag_of"]

JSON = "application/json"
PROBLEM = "application/problem+json"

NO_SNIFFING = (b"x-content-type-options", b"nosniff")

Headers = tuple[tuple[str, str], ...]

_STATUS_LINES = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in HTTPStatus}

# Every answer about rows may be kept by the asker alone, and is to be asked for again: with its tag, which
# costs nothing while nothing changed.
_REVALIDATE = "private, no-cache"


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, body and headers; the length is added when it is sent."""

    status: int
    body: bytes
    media_type: str = JSON
    headers: Headers = field(default=())

    def response(self) -> Response:
        """Return it as Starlette has it."""
        return Response(self.body, self.status, dict(self.headers), self.media_type)

    def to_bytes(self, first: Iterable[tuple[bytes, bytes]]) -> bytes:
        """Return it as it goes over the wire, body and all.

        Args:
            first: headers of the server.
        """
        headers = [*first, *self._raw_headers(), NO_SNIFFING]
        lines = b"".join([b"%b: %b\r\n" % header for header in headers])
        return b"%b%b\r\n%b" % (_STATUS_LINES[self.status], lines, self.body)

    async def send(self, send: Send) -> None:
        """Send it as ASGI has it."""
        headers = self._raw_headers()
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})

    def _raw_headers(self) -> list[tuple[bytes, bytes]]:
        headers = [(b"content-type", self.media_type.encode())]
        if self.status != HTTPStatus.NOT_MODIFIED:  # whose length would have to be that of the whole answer
            headers.append((b"content-length", b"%d" % len(self.body)))
        headers += [(name.lower().encode(), value.encode()) for name, value in self.headers]
        return headers


def tag_of(body: bytes) -> str:
    """Return the entity tag of a body: the same from every replica that answers the same."""
    return f'"{hashlib.blake2b(body, digest_size=9).hexdigest()}"'


def fresh(body: bytes, if_none_match: str | None, media_type: str = JSON, max_age_s: int = 0) -> Reply:
    """Return a body with its tag; or 304 without it, if the asker has it already.

    Args:
        body: what is asked for.
        if_none_match: the request's header.
        media_type: of the body.
        max_age_s: how long nobody need ask again.
    """
    tag = tag_of(body)
    control = f"private, max-age={max_age_s}" if max_age_s else _REVALIDATE
    headers = (("etag", tag), ("cache-control", control))
    if if_none_match is not None and _matches(if_none_match, tag):
        return Reply(HTTPStatus.NOT_MODIFIED, b"", media_type, headers)
    return Reply(HTTPStatus.OK, body, media_type, headers)


def _matches(if_none_match: str, tag: str) -> bool:
    told = (each.strip().removeprefix("W/") for each in if_none_match.split(","))
    return any(each in {tag, "*"} for each in told)


def problem(status: int, detail: str, *headers: tuple[str, str], **more: Any) -> Reply:
    """Return a problem.

    Args:
        status: of HTTP.
        detail: what went wrong, and what would mend it.
        headers: to add.
        more: fields to add.
    """
    fields = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    body = orjson.dumps(fields | more)
    return Reply(status, body, PROBLEM, (("cache-control", "no-store"), *headers))
