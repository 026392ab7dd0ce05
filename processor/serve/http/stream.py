"""The route of live changes: server-sent events, from where the reader left off.

An event's id names the log and the number of its last change. A reader whose id is of another process, or too
old, gets `reset`: look at everything anew, and follow on. Changes of a moment are sent together, each row
once as it then is; a reader that is slow gets fewer events, not more memory.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header
from starlette.responses import Response, StreamingResponse

from processor.serve.changes import Change, MissedError
from processor.serve.http.context import Context, Shared, problems
from processor.serve.http.lookups import row_json
from processor.serve.http.replies import problem
from processor.serve.http.status import status_of

__all__ = ["STREAMS_MAX", "router"]

router = APIRouter(tags=["stream"])

STREAMS_MAX = 500
_MEDIA_TYPE = "text/event-stream"
_GATHER_S = 0.1
_STATUS_EVERY_S = 2.0
_CHANGES_MAX = 2_000  # in one event
_ID = re.compile(r"([0-9a-f]{8})-([0-9]{1,15})")


@router.get("/v1/stream", response_class=Response, responses=problems(429, media_type=_MEDIA_TYPE))
async def stream(
    shared: Shared,
    last_event_id: Annotated[
        str | None, Header(max_length=64, description="The id of the last event seen")
    ] = None,
) -> Response:
    """Follow the changes (server-sent events `changes`, `reset` and, every 2 s, `status`)."""
    if shared.streams >= STREAMS_MAX:
        wait = ("retry-after", "30")
        return problem(429, f"{STREAMS_MAX} readers follow already", wait).response()
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_events(shared, last_event_id), media_type=_MEDIA_TYPE, headers=headers)


async def _events(shared: Context, last_event_id: str | None) -> AsyncIterator[bytes]:
    """Yield events until the reader or the service goes."""
    log = shared.answers.changes
    shared.streams += 1
    try:
        number = _number(last_event_id, log.epoch)
        if number is None:
            number = log.last
            yield _event("reset", {"reason": "start"}, log.epoch, number)
        told_s = 0.0
        loop = asyncio.get_running_loop()
        while not shared.closing:
            if loop.time() - told_s >= _STATUS_EVERY_S:
                told_s = loop.time()
                yield _event("status", status_of(shared), log.epoch, number)
            try:
                async with asyncio.timeout_at(told_s + _STATUS_EVERY_S):
                    if not await log.wait(number):
                        return
            except TimeoutError:
                continue
            try:
                changes = log.since(number, _CHANGES_MAX)
                number = changes[-1].number
                yield _event("changes", {"changes": _latest(shared, changes)}, log.epoch, number)
            except MissedError:
                number = log.last
                yield _event("reset", {"reason": "missed"}, log.epoch, number)
            await asyncio.sleep(_GATHER_S)
    finally:
        shared.streams -= 1


def _number(last_event_id: str | None, epoch: str) -> int | None:
    """Return the number that an event's id holds; None if it is none of this log's."""
    match = _ID.fullmatch(last_event_id or "")
    return int(match[2]) if match and match[1] == epoch else None


def _latest(shared: Context, changes: list[Change]) -> list[Any]:
    """Return each changed row once, as it was after the last of these changes."""
    last = {(change.kind, change.ids): change for change in changes}
    return [_change_json(shared, change) for change in last.values()]


def _change_json(shared: Context, change: Change) -> Any:
    if change.kind == "pair":
        a, b = change.ids
        return {"kind": "pair", "component_a": a, "component_b": b, "count": change.count}
    if change.kind == "session":
        return {"kind": "session", "host_id": change.ids[0]}
    (component_id,) = change.ids
    if change.kind in {"history", "verdict"}:
        return {"kind": change.kind, "component_id": component_id}
    row = (
        None
        if change.value is None
        else orjson.Fragment(row_json(shared.answers, component_id, change.value))
    )
    return {"kind": "component", "component_id": component_id, "row": row}


def _event(name: str, data: Any, epoch: str, number: int) -> bytes:
    return b"id: %b-%d\nevent: %b\ndata: %b\n\n" % (epoch.encode(), number, name.encode(), orjson.dumps(data))
