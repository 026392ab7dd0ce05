"""The route of the windowed table of failures."""

import asyncio
from itertools import chain, islice
from typing import Annotated

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from processor.serve.http.context import AfterParam, LimitParam, Match, Shared, problems
from processor.serve.http.cursors import decode_cursor, encode_cursor
from processor.serve.http.models import FailureSessions
from processor.serve.http.replies import fresh
from processor.serve.sessionrows import SessionKey, newest_first
from schemas.limits import COMPONENT_ID_MAX, HOST_ID_MAX

__all__ = ["router"]

router = APIRouter(tags=["failure sessions"])

_PART = 2_000


@router.get("/v1/failure-sessions", response_model=FailureSessions, responses=problems(422))
async def failure_sessions(
    shared: Shared,
    host: Annotated[str | None, Query(max_length=HOST_ID_MAX, description="Only this host's")] = None,
    component: Annotated[
        str | None, Query(min_length=1, max_length=COMPONENT_ID_MAX, description="Only with this one in them")
    ] = None,
    limit: LimitParam = 100,
    after: AfterParam = None,
    match: Match = None,
) -> Response:
    """List the recent failure sessions, newest first: what failed close together on a host."""
    place: SessionKey | None = None
    if after is not None:
        end, host_id, start = decode_cursor(after, "sessions", (str, str, str))
        place = (end, host_id, start)
    hosts = shared.answers.sessions.hosts
    found = newest_first((), 0)
    ids = iter(list(hosts) if host is None else [host])
    while some := list(islice(ids, _PART)):
        sessions = chain.from_iterable(hosts.get(each, ()) for each in some)
        wanted = (each for each in sessions if component is None or component in (each.components or ()))
        found = newest_first(chain(found, wanted), limit + 1, place)
        await asyncio.sleep(0)
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        following = encode_cursor("sessions", (last.end, last.host, last.start))
    rows = [
        {
            "host_id": each.host,
            "start": each.start,
            "end": each.end,
            "components": each.components,
            "mass_failure": each.components is None,
        }
        for each in found[:limit]
    ]
    return fresh(orjson.dumps({"sessions": rows, "next": following}), match).response()
