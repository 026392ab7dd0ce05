"""Routes of verdicts: what is held against components, and what to tell an installer."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from processor.serve.advice import Advice, advise
from processor.serve.http.context import AfterParam, LimitParam, Match, Shared, problems
from processor.serve.http.cursors import decode_cursor, encode_cursor
from processor.serve.http.models import GateRequest, Verdicts
from processor.serve.http.replies import fresh
from schemas.verdicts import VerdictKind

__all__ = ["router"]

router = APIRouter(tags=["verdicts"])


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
    told = advise(asked.component_id, asked.others, shared.answers.verdicts.rows)
    return Response(
        told.model_dump_json(), media_type="application/json", headers={"cache-control": "no-store"}
    )
