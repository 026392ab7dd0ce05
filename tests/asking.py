"""A service in the test's own loop: requests go to the ASGI application as a server would hand them on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from processor.serve.answers import Answers
from processor.serve.http.app import create_app
from processor.serve.http.context import Context

__all__ = ["Answer", "Asker"]


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Asker:
    """Asks a service that answers from these answers.

    Args:
        answers: what it knows.
        how: further arguments of `create_app`.
    """

    def __init__(self, answers: Answers, **how: Any) -> None:
        self.context = Context(answers)
        self.app = create_app(self.context, **how)

    async def get(self, path: str, **headers: str) -> Answer:
        """Ask with GET; underscores in the names of headers stand for hyphens."""
        return await self.ask("GET", path, b"", headers)

    async def post(self, path: str, body: Any, **headers: str) -> Answer:
        """Ask with POST; what is not bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return await self.ask("POST", path, content, {"content_type": "application/json"} | headers)

    async def ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Ask in any way."""
        raw_path, _, query = path.partition("?")
        fields = {"host": "127.0.0.1", "content_length": str(len(body))} | dict(headers)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(raw_path),
            "raw_path": raw_path.encode("ascii"),
            "query_string": query.encode("ascii"),
            "root_path": "",
            "headers": [
                (name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in fields.items()
            ],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        told = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], told, b"".join(each.get("body", b"") for each in sent[1:]))
