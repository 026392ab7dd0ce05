"""Routes for those who watch: how fresh the answers are, whether the service lives, and its metrics."""

from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from processor.serve.http.context import Context, Shared, problems
from processor.serve.http.models import Status
from processor.serve.http.replies import Reply, problem
from schemas.times import format_us

__all__ = ["router", "status_of"]

router = APIRouter(tags=["watching"])

_VERSION = version("fleetfold")
_STALE_S = 30.0
_NO_STORE = (("cache-control", "no-store"),)


def status_of(shared: Context) -> dict[str, Any]:
    """Return what `/v1/status` says."""
    answers, view, as_of = shared.answers, shared.view, shared.as_of
    rows = answers.rows
    reached = as_of is not None and as_of.offsets
    return {
        "ready": answers.ready,
        "progress": view.progress if view else 1.0,
        "version": _VERSION,
        "generation": as_of.generation if as_of else 1,
        "delay_s": round(as_of.delay_s, 3) if as_of and reached else None,
        "behind": as_of.behind if as_of else 0,
        "changed_at": format_us(as_of.changed_ms * 1000) if as_of and as_of.changed_ms > 0 else None,
        "rows": {
            "components": len(rows.values),
            "pairs": answers.pairs.count,
            "hosts": len(answers.sessions.hosts),
            "days": answers.days.count if answers.days is not None else None,
            "bad": answers.bad_rows,
        },
        "lists": {
            "problematic": len(rows.problematic),
            "failing": len(rows.failures),
            "removed": sum(count > 1 for count in rows.removals.values()),
            "deprecated": len(rows.deprecated),
        },
        "offsets": as_of.offsets if as_of else {},
        "pipeline": view.pipeline.report() if view and view.pipeline else None,
        "streams": shared.streams,
    }


@router.get("/v1/status", response_model=Status, responses=problems())
async def status(shared: Shared) -> Response:
    """How fresh the answers are, how many rows there are, and how the workers are doing."""
    return Reply(HTTPStatus.OK, orjson.dumps(status_of(shared)), headers=_NO_STORE).response()


@router.get("/healthz", response_class=Response, responses={200: {"content": {"application/json": {}}}})
async def healthz() -> Response:
    """200: the process lives."""
    return Reply(HTTPStatus.OK, b'{"alive":true}', headers=_NO_STORE).response()


@router.get(
    "/readyz",
    response_class=Response,
    responses=problems(503) | {200: {"content": {"application/json": {}}}},
)
async def readyz(shared: Shared) -> Response:
    """200 while the answers are complete and fresh, else 503 and why not."""
    reason = _why_not_ready(shared)
    if reason is not None:
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, reason, ("retry-after", "2")).response()
    return Reply(HTTPStatus.OK, b'{"ready":true}', headers=_NO_STORE).response()


def _why_not_ready(shared: Context) -> str | None:
    if shared.closing:
        return "the service is about to stop"
    if not shared.answers.ready:
        return "the rows are still being read"
    if shared.view is not None and shared.view.error is not None:
        return f"the view no longer follows: {shared.view.error}"
    as_of = shared.as_of
    if as_of is not None and as_of.delay_s > _STALE_S:
        return (
            f"the answers are {as_of.delay_s:.0f} s old: Kafka does not answer, or a transaction stands open"
        )
    return None


@router.get(
    "/metrics", response_class=Response, responses=problems() | {200: {"content": {"text/plain": {}}}}
)
async def metrics(shared: Shared, request: Request) -> Response:
    """Metrics in Prometheus' format."""
    body, content_type = request.app.state.meters.scrape(shared, request.headers.get("accept", ""))
    return Response(body, headers={"content-type": content_type, "cache-control": "no-store"})
