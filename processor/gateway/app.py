"""The gateway as a router, which any FastAPI application can include, and as an application of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from processor.gateway.gateway import Gateway
from processor.gateway.meters import exposition
from processor.gateway.problems import ProblemError, answer
from processor.tokens import Scope
from schemas.outcome import PublishedOutcome

__all__ = ["create_app", "create_router"]


def create_router(gateway: Gateway) -> APIRouter:
    """Return `POST /v1/outcomes`; the gateway must be `running` while it is used."""
    router = APIRouter()

    @router.post(
        "/v1/outcomes",
        summary="Publish outcomes",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=_described(),
        responses={
            202: {"description": "Kafka has acknowledged all that is `accepted`; see `results`"},
            422: {"description": "No event is valid, or too many are of one host"},
            429: {"description": "Too much: come back after `Retry-After` seconds"},
            503: {"description": "Kafka did not acknowledge; send it again, it counts once"},
        },
    )
    async def outcomes(request: Request) -> Response:
        """Take one event, an array, or lines; plain, gzip or zstd; answer per event, once Kafka has them."""
        return await gateway.outcomes(request)

    return router


def create_app(gateway: Gateway) -> FastAPI:
    """Return the gateway as an application, which connects to Kafka when it starts."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with gateway.running():
            yield

    app = FastAPI(
        title="Fleetfold gateway",
        version=version("fleetfold"),
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.include_router(create_router(gateway))

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        return answer(HTTPStatus.OK, {"status": "ok"})

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        if gateway.trouble:
            return answer(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ready", "why": gateway.trouble})
        return answer(HTTPStatus.OK, {"status": "ready"})

    scrape = exposition(gateway.meters)

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        try:
            gateway.admit(request, Scope.READ)
        except ProblemError as problem:
            return problem.response()
        body, content_type = scrape(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type, "cache-control": "no-store"})

    app.add_exception_handler(HTTPException, _problem)
    return app


async def _problem(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return ProblemError(HTTPStatus(error.status_code), str(error.detail), headers=error.headers).response()


def _described() -> dict[str, Any]:
    event = PublishedOutcome.model_json_schema()
    return {
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "maxLength": 255},
                "description": "Names the request: sent again, it gets its first answer",
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"anyOf": [event, {"type": "array", "items": event}]}},
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        },
    }
