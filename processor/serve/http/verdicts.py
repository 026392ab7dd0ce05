"""Routes of verdicts: what is held against components, and what to tell an installer."""

from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from processor.serve.advice import Advice, advise
from processor.serve.http.context import AfterParam, LimitParam, Match, Shared, problems
from processor.serve.http.cursors import decode_cursor, encode_cursor
from processor.serve.http.replies import fresh
from schemas.limits import COMPONENT_ID_MAX
from schemas.overrides import HeldVerdict
from schemas.verdicts import VerdictKind

__all__ = ["router"]

router = APIRouter(tags=["verdicts"])


_HELD = {
    "kind": "frequently_removed",
    "other": None,
    "since": "2026-01-02T03:04:05.000006Z",
    "reason": "9 removals after 12 installs in the last 30 days, where 1.2 % is usual.",
    "confidence": 0.9999,
    "evidence": {"window": "30d", "good": 3, "bad": 9, "rate": 0.75, "rate_low": 0.4677, "rate_high": 0.9111},
    "override": None,
}


def _example(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class Held(BaseModel):
    """A component with what is held against it."""

    component_id: str
    verdicts: list[HeldVerdict]


class Verdicts(BaseModel):
    """A page of components that something is held against."""

    model_config = _example({"components": [{"component_id": "curl", "verdicts": [_HELD]}], "next": None})

    components: list[Held]
    next: str | None = Field(description="The cursor of the next page; null on the last")


class GateRequest(BaseModel):
    """What is to be installed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"component_id": "curl", "others": ["wget"]}]})
    component_id: Annotated[str, Field(min_length=1, max_length=COMPONENT_ID_MAX)]
    others: list[Annotated[str, Field(min_length=1, max_length=COMPONENT_ID_MAX)]] = Field(
        default=[], max_length=10_000, description="What is there already, or comes along"
    )


@router.get("/v1/verdicts", response_model=Verdicts, responses=problems(422))
async def verdicts(
    shared: Shared,
    kind: Annotated[VerdictKind | None, Query(description="Only components with such a verdict")] = None,
    limit: LimitParam = 100,
    after: AfterParam = None,
    match: Match = None,
) -> Response:
    """List the components that something is held against, by id, page by page."""
    rows = shared.answers.verdicts
    (place,) = decode_cursor(after, "verdicts", (str,)) if after is not None else ("",)
    ids = sorted(each for each, kinds in rows.kinds.items() if each > place and kind in {None, *kinds})
    page = ids[:limit]
    body = {
        "components": [
            {"component_id": each, "verdicts": orjson.Fragment(rows.texts[each])} for each in page
        ],
        "next": encode_cursor("verdicts", (page[-1],)) if len(ids) > limit else None,
    }
    return fresh(orjson.dumps(body), match).response()


@router.post("/v1/gate", response_model=Advice, responses=problems(408, 413, 415, 422))
async def gate(shared: Shared, asked: GateRequest) -> Response:
    """Tell an installer whether to go on: `go`, `warn` or `hold`, and why."""
    told = advise(asked.component_id, asked.others, shared.answers.verdicts.rows, datetime.now(UTC))
    return Response(
        told.model_dump_json(), media_type="application/json", headers={"cache-control": "no-store"}
    )
