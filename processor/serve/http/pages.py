"""The page's files: read once, sent with tags, under a policy that lets nothing else run."""

from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter
from starlette.responses import Response

from processor.serve.http.context import Match
from processor.serve.http.replies import fresh, problem

__all__ = ["POLICY", "router"]

router = APIRouter(include_in_schema=False)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_INDEX = "index.html"


def _read(folder: Traversable, prefix: str = "") -> dict[str, tuple[bytes, str]]:
    found: dict[str, tuple[bytes, str]] = {}
    for each in folder.iterdir():
        name = prefix + each.name
        if each.is_dir():
            found |= _read(each, f"{name}/")
        elif kind := next((kind for ending, kind in _TYPES.items() if name.endswith(ending)), None):
            found[name] = (each.read_bytes(), kind)
    return found


_FILES = _read(files("processor.serve") / "page")


@router.get("/")
async def index(match: Match = None) -> Response:
    """The page."""
    return _file(_INDEX, match)


@router.get("/page/{name:path}")
async def file(name: str, match: Match = None) -> Response:
    """One of its files."""
    return _file(name, match)


def _file(name: str, match: str | None) -> Response:
    if name not in _FILES:
        return problem(HTTPStatus.NOT_FOUND, "there is no such file").response()
    body, media_type = _FILES[name]
    response = fresh(body, match, media_type).response()
    response.headers.update(_HEADERS)
    return response
