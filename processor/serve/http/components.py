"""Routes of components: one, many by their ids, and lists in many orders."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from processor.serve.answers import Answers
from processor.serve.http import lookups
from processor.serve.http.context import AfterParam, IdParam, LimitParam, Match, Shared, problems
from processor.serve.http.cursors import decode_cursor, encode_cursor
from processor.serve.http.models import Component, ComponentHistory, Components, Scores, ScoresRequest
from processor.serve.http.replies import fresh, problem
from processor.serve.ordered import Mark, Sort
from schemas.limits import COMPONENT_ID_MAX

__all__ = ["NO_HISTORY", "router"]

NO_HISTORY = "this service follows no time lines: start it with --history"

router = APIRouter(tags=["components"])

_IDS_MAX = 100
_WITH_HISTORY_MAX = 100
Flag = Annotated[bool, Query(description="Only those of which this is true")]


@router.get("/v1/components/{component_id}", response_model=Component, responses=problems(404))
async def component(shared: Shared, component_id: IdParam, match: Match = None) -> Response:
    """All that is counted of a component. Percent-encode its id, slashes too."""
    return lookups.component(shared.answers, component_id, match).response()


@router.get(
    "/v1/components/{component_id}/history", response_model=ComponentHistory, responses=problems(404, 422)
)
async def history(shared: Shared, component_id: IdParam, match: Match = None) -> Response:
    """What happened to a component lately: by hour for 48 hours, by day for 90 days."""
    if shared.answers.days is None:
        return problem(HTTPStatus.NOT_FOUND, NO_HISTORY).response()
    if component_id not in shared.answers.rows.values and component_id not in shared.answers.days.days:
        return lookups.component(shared.answers, component_id, None).response()
    return fresh(_history_json(shared.answers, component_id), match).response()


@router.post("/v1/scores", response_model=Scores, responses=problems(408, 413, 415, 422))
async def scores(shared: Shared, _body: ScoresRequest, request: Request) -> Response:
    """Success rates and score multipliers of many components at once; an unknown one says so."""
    return lookups.scores(shared.answers, await request.body()).response()


@router.get("/v1/components", response_model=Components, responses=problems(422))
async def components(  # noqa: PLR0913 -- each is a parameter of the query
    shared: Shared,
    *,
    problematic: Flag = False,
    removed: Annotated[int, Query(ge=0, le=2**53, description="Only those removed at least so often")] = 0,
    deprecated: Flag = False,
    failing: Annotated[bool, Query(description="Only those that ever failed")] = False,
    prefix: Annotated[str, Query(max_length=COMPONENT_ID_MAX, description="How the id begins")] = "",
    q: Annotated[str, Query(max_length=COMPONENT_ID_MAX, description="What the id holds, in any case")] = "",
    component_id: Annotated[
        list[Annotated[str, Query(max_length=COMPONENT_ID_MAX)]] | None,
        Query(max_length=_IDS_MAX, description="Only these"),
    ] = None,
    history: Annotated[
        bool, Query(description=f"With their time lines; then a page has at most {_WITH_HISTORY_MAX}")
    ] = False,
    sort: Annotated[
        Sort,
        Query(description="Counts and times go from the largest down, rates and ids from the smallest up"),
    ] = "first_seen",
    limit: LimitParam = 100,
    after: AfterParam = None,
    match: Match = None,
) -> Response:
    """List components, page by page."""
    if history:
        limit = min(limit, _WITH_HISTORY_MAX)
    mark = None if after is None else _mark(after, sort)
    answers, ordered = shared.answers.now(), shared.ordered  # of one generation, whatever happens meanwhile
    only = _only(answers, component_id, problematic, removed, deprecated, failing)
    test = _test(prefix, q)
    if only is None and prefix:
        only = await ordered.with_prefix(prefix)
    found = await ordered.page(sort, limit + 1, mark, only, test)
    values = answers.rows.values
    rows = {
        each: lookups.row_json(answers, each, values[each]) for _, each in found[:limit] if each in values
    }
    if history:
        rows = {each: row async for each, row in _with_history(answers, rows)}
    following = encode_cursor(sort, found[limit - 1]) if len(found) > limit else ""
    end = b'"%b"' % following.encode() if following else b"null"
    return fresh(b'{"components":[%b],"next":%b}' % (b",".join(rows.values()), end), match).response()


async def _with_history(answers: Answers, rows: Mapping[str, bytes]) -> AsyncIterator[tuple[str, bytes]]:
    """Add its time line to each row; null where none are followed."""
    for component_id, row in rows.items():
        told = b"null" if answers.days is None else _history_json(answers, component_id)
        yield component_id, b'%b,"history":%b}' % (row[:-1], told)
        await asyncio.sleep(0)  # a time line takes a millisecond: others have their turn


def _history_json(answers: Answers, component_id: str) -> bytes:
    return answers.history(component_id).model_dump_json().encode()


def _mark(after: str, sort: Sort) -> Mark:
    kind = (str,) if sort in {"first_seen", "component_id"} else (int, float)
    key, component_id = decode_cursor(after, sort, (kind, str))
    return key, component_id


def _only(
    answers: Answers,
    ids: list[str] | None,
    problematic: bool,
    removed: int,
    deprecated: bool,
    failing: bool,
) -> list[str] | None:
    """Return the ids that pass the filters that are lists; None if there is no such filter."""
    rows, lists = answers.rows, []
    if ids is not None:
        lists.append(set(ids))
    if problematic:
        lists.append(rows.problematic)
    if removed:
        lists.append({each for each, count in rows.removals.items() if count >= removed})
    if deprecated:
        lists.append(rows.deprecated)
    if failing:
        lists.append(set(rows.failures))
    return list(set.intersection(*lists)) if lists else None


def _test(prefix: str, q: str) -> Callable[[str], bool] | None:
    folded = q.casefold()
    if prefix and q:
        return lambda each: each.startswith(prefix) and folded in each.casefold()
    if prefix:
        return lambda each: each.startswith(prefix)
    return (lambda each: folded in each.casefold()) if q else None
