"""An error answer is a problem detail (RFC 9457): a status, a title, what is wrong and what would mend it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

__all__ = ["ProblemError", "answer"]


class ProblemError(Exception):
    """A request that cannot be answered as it wishes.

    Args:
        status: of the answer.
        detail: what is wrong and what would mend it, for people.
        headers: to be sent with it.
        more: further members of the problem detail.
    """

    def __init__(
        self, status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more

    def response(self) -> Response:
        """Return the answer."""
        content = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            **self.more,
        }
        return answer(self.status, content, self.headers, media_type="application/problem+json")


def answer(
    status: HTTPStatus,
    content: object,
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
) -> Response:
    """Return an answer of JSON."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    safe = {"X-Content-Type-Options": "nosniff", **(headers or {})}
    return Response(body, status.value, headers=safe, media_type=media_type)
