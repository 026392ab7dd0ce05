"""Routes of the components that fail together."""

import asyncio
from collections.abc import Callable, Iterable
from heapq import nsmallest
from itertools import islice
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from processor.serve.answers import Answers
from processor.serve.http.context import AfterParam, IdParam, LimitParam, Match, MinCount, Shared, problems
from processor.serve.http.cursors import decode_cursor, encode_cursor
from processor.serve.http.models import Conflicts, Pairs
from processor.serve.http.replies import fresh
from processor.serve.pairrows import Pair
from processor.serve.surprise import RankedPair, rank
from schemas.limits import COMPONENT_ID_MAX

__all__ = ["router"]

router = APIRouter(tags=["co-failures"])

_PART = 500  # components whose partners are looked at in one turn
Sort = Literal["count", "surprise"]
Place = tuple[float, str, str]  # minus the count or the surprise, then the ids
SortParam = Annotated[Sort, Query(description="Most frequent first, or most surprising")]


@router.get("/v1/co-failures", response_model=Pairs, responses=problems(422))
async def co_failures(
    shared: Shared,
    component: Annotated[
        str | None, Query(min_length=1, max_length=COMPONENT_ID_MAX, description="Only pairs with this one")
    ] = None,
    min_count: MinCount = 2,
    sort: SortParam = "count",
    limit: LimitParam = 100,
    after: AfterParam = None,
    match: Match = None,
) -> Response:
    """List the pairs that fail together, page by page."""
    found, following = await _page(shared.answers.now(), component, min_count, sort, limit, after)
    body = {"pairs": [_pair_json(pair) for pair in found], "next": following}
    return fresh(orjson.dumps(body), match).response()


@router.get("/v1/components/{component_id}/conflicts", response_model=Conflicts, responses=problems(404, 422))
async def conflicts(
    shared: Shared,
    component_id: IdParam,
    min_count: MinCount = 2,
    sort: SortParam = "count",
    limit: LimitParam = 100,
    after: AfterParam = None,
    match: Match = None,
) -> Response:
    """List which components fail together with one; none if it is unknown."""
    found, following = await _page(shared.answers.now(), component_id, min_count, sort, limit, after)
    rows = [
        {
            "component_id": pair.component_b if pair.component_a == component_id else pair.component_a,
            "count": pair.count,
            "expected": pair.expected,
            "surprise": pair.surprise,
        }
        for pair in found
    ]
    body = {"component_id": component_id, "conflicts": rows, "next": following}
    return fresh(orjson.dumps(body), match).response()


async def _page(
    answers: Answers, component: str | None, min_count: int, sort: Sort, limit: int, after: str | None
) -> tuple[list[RankedPair], str | None]:
    """Return a page of pairs, and the cursor of the next."""
    place_of = _by_count if sort == "count" else _by_surprise(answers)
    place = decode_cursor(after, sort, ((int, float), str, str)) if after is not None else None
    found: list[tuple[Place, Pair]] = []
    ids = iter([component] if component is not None else list(answers.pairs.partners))
    while some := list(islice(ids, _PART)):
        places = ((place_of(pair), pair) for pair in _pairs_of(answers, some, min_count, component is None))
        rest = (each for each in places if place is None or each[0] > place)
        found = nsmallest(limit + 1, [*found, *rest])
        await asyncio.sleep(0)
    following = encode_cursor(sort, found[limit - 1][0]) if len(found) > limit else None
    sessions_of, sessions = answers.rows.sessions, answers.fleet.sessions
    return [rank(*pair, sessions_of, sessions) for _, pair in found[:limit]], following


def _pairs_of(answers: Answers, ids: Iterable[str], min_count: int, once: bool) -> Iterable[Pair]:
    """Yield the pairs of components; `once`: each pair only for the first of its two."""
    for one in ids:
        for other, count in answers.pairs.partners.get(one, {}).items():
            if count >= min_count and (one < other or not once):
                yield (one, other, count) if one < other else (other, one, count)


def _by_count(pair: Pair) -> Place:
    return (-pair[2], pair[0], pair[1])


def _by_surprise(answers: Answers) -> Callable[[Pair], Place]:
    sessions_of, sessions = answers.rows.sessions, answers.fleet.sessions
    return lambda pair: (-rank(*pair, sessions_of, sessions).surprise, pair[0], pair[1])


def _pair_json(pair: RankedPair) -> dict[str, Any]:
    return {
        "component_a": pair.component_a,
        "component_b": pair.component_b,
        "count": pair.count,
        "expected": pair.expected,
        "surprise": pair.surprise,
    }
