"""The service as one ASGI application: the gate outside, FastAPI inside."""

from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from processor.loopback import LoopbackHosts
from processor.serve.answers import Answers
from processor.serve.http import badges, components, feeds, pages, pairs, sessions, status, stream, verdicts
from processor.serve.http.context import Context
from processor.serve.http.cursors import BadCursorError
from processor.serve.http.gate import Gate
from processor.serve.http.meters import ServeMeters
from processor.serve.http.models import Problem
from processor.serve.http.paths import BadPathError
from processor.serve.http.replies import problem
from processor.tokens import Tokens

__all__ = ["create_app", "describe"]

_ABOUT = (
    "Live, exact answers about components across a fleet: how well each does, which fail together, which "
    "people throw away. Each answer has an entity tag: ask again with `If-None-Match`. Errors are problem "
    "details (RFC 9457)."
)
_ERRORS_MAX = 10


def create_app(
    context: Context,
    tokens: Tokens | None = None,
    cors_origins: tuple[str, ...] = (),
    hosts: LoopbackHosts | None = None,
    publishing: tuple[APIRouter, Collector] | None = None,
) -> ASGIApp:
    """Make the service.

    Args:
        context: what it answers from.
        tokens: who may ask; without any, everybody who reaches it.
        cors_origins: web pages of these origins may read.
        hosts: which Host headers are ours; None for all.
        publishing: the gateway's routes, which judge tokens themselves, and its metrics.
    """
    app = _application(context)
    own_scopes: frozenset[str] = frozenset()
    if publishing is not None:
        router, meters = publishing
        app.include_router(router)
        app.state.meters.include(meters)
        own_scopes = frozenset(route.path for route in router.routes if isinstance(route, APIRoute))
    gate: ASGIApp = Gate(app, context.answers, tokens or Tokens(), app.state.meters, hosts, own_scopes)
    if cors_origins:
        gate = CORSMiddleware(
            gate,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "If-None-Match", "Last-Event-ID"],
            expose_headers=["ETag", "Retry-After"],
            max_age=600,
        )
    return gate


def describe() -> dict[str, Any]:
    """Return the service's OpenAPI description."""
    return _application(Context(Answers())).openapi()


def _application(context: Context) -> FastAPI:
    app = FastAPI(
        title="Fleetfold",
        version=version("fleetfold"),
        description=_ABOUT,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.context = context
    app.state.meters = ServeMeters()
    for part in (components, pairs, sessions, verdicts, badges, feeds, stream, status, pages):
        app.include_router(part.router)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    for error in (BadCursorError, BadPathError):
        app.add_exception_handler(error, _bad_request)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    return app


async def _http_problem(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    headers = tuple((error.headers or {}).items())
    details = {
        HTTPStatus.NOT_FOUND: "there is nothing here",
        HTTPStatus.METHOD_NOT_ALLOWED: "not this method",
    }
    detail = details.get(HTTPStatus(error.status_code), str(error.detail))
    return problem(error.status_code, detail, *headers).response()


async def _invalid(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    errors = [
        {"where": ".".join(map(str, each["loc"])), "what": each["msg"]}
        for each in error.errors()[:_ERRORS_MAX]
    ]
    detail = "; ".join(f"{each['where']}: {each['what']}" for each in errors)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors).response()


async def _bad_request(_: Request, error: Exception) -> Response:
    return problem(HTTPStatus.BAD_REQUEST, str(error)).response()


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return FastAPI's description, with what the gate adds: problems, and who may ask."""
    if app.openapi_schema is None:
        schema = FastAPI.openapi(app)
        parts = schema.setdefault("components", {})
        parts.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
        parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for path, operations in schema["paths"].items():
            for operation in operations.values():
                if path.startswith(("/v1/", "/metrics")):
                    operation["security"] = [{"token": []}, {}]
    return app.openapi_schema or {}
