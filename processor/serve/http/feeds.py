"""Routes of feeds: newly problematic components, for a feed reader or a chat's integration."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from processor.serve.http.context import Context, Match, Shared, problems
from processor.serve.http.replies import fresh
from processor.serve.queries import StatsRow
from schemas.times import format_us, to_us
from schemas.verdicts import VerdictKind

__all__ = ["router", "shown"]

router = APIRouter(tags=["feeds"])

_ENTRIES = 50
_MAX_AGE_S = 60
_JSON_FEED, _ATOM = "application/feed+json", "application/atom+xml"
_TITLE = "Fleetfold: newly problematic components"
_NEVER = "1970-01-01T00:00:00.000000Z"


@router.get("/v1/feeds/problematic.json", response_class=Response, responses=problems(media_type=_JSON_FEED))
async def json_feed(shared: Shared, request: Request, match: Match = None) -> Response:
    """Newly problematic components as a JSON Feed 1.1."""
    base = str(request.base_url)
    items = [
        {
            "id": _entry_id(component_id),
            "url": _page_url(base, component_id),
            "title": _title(component_id, row),
            "content_text": _text(shared, row),
            "date_published": since,
        }
        for since, component_id, row in _entries(shared)
    ]
    feed: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": _TITLE,
        "home_page_url": base,
        "feed_url": str(request.url),
        "items": items,
    }
    return fresh(orjson.dumps(feed), match, _JSON_FEED, _MAX_AGE_S).response()


@router.get("/v1/feeds/problematic.atom", response_class=Response, responses=problems(media_type=_ATOM))
async def atom_feed(shared: Shared, request: Request, match: Match = None) -> Response:
    """Newly problematic components as an Atom feed (RFC 4287)."""
    base, entries = str(request.base_url), list(_entries(shared))
    updated = max((since for since, _, _ in entries), default=_NEVER)
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">',
        f"<title>{_TITLE}</title><id>urn:fleetfold:problematic</id><updated>{updated}</updated>",
        "<author><name>Fleetfold</name></author>",
        f'<link rel="self" href={quoteattr(str(request.url))}/><link href={quoteattr(base)}/>',
    ]
    for since, component_id, row in entries:
        parts.append(
            f"<entry><title>{escape(shown(_title(component_id, row)))}</title>"
            f"<id>{escape(_entry_id(component_id))}</id><updated>{since}</updated>"
            f"<link href={quoteattr(_page_url(base, component_id))}/>"
            f"<summary>{escape(shown(_text(shared, row)))}</summary></entry>"
        )
    body = "".join([*parts, "</feed>\n"])
    return fresh(body.encode(), match, _ATOM, _MAX_AGE_S).response()


def _entries(shared: Shared) -> Iterator[tuple[str, str, StatsRow]]:
    """Yield who is problematic, by the plain rule or by a verdict, the newest first."""
    shared.turns.look(shared.answers.rows)
    since_of = {component_id: since for since, component_id in shared.turns.newest(_ENTRIES)}
    for component_id, held in shared.answers.verdicts.rows.items():
        for verdict in held:
            if verdict.kind is VerdictKind.PROBLEMATIC:
                since_of.setdefault(component_id, format_us(to_us(verdict.since)))
    newest = sorted(sorted(since_of), key=lambda each: since_of[each], reverse=True)
    for component_id in newest[:_ENTRIES]:
        since, row = since_of[component_id], shared.answers.rows.row(component_id)
        if row is not None:
            yield since, component_id, row


def _title(component_id: str, row: StatsRow) -> str:
    return f"{component_id} fails more often than {'it works' if row['is_problematic'] else 'usual'}"


def _text(shared: Context, row: StatsRow) -> str:
    """Return the counts, and why the verdicts were reached."""
    attempts = row["install_successes"] + row["install_failures"]
    counts = (
        f"{row['install_failures']:,} of {attempts:,} installs failed; {row['removal_count']:,} removals."
    )
    held = shared.answers.verdicts.rows.get(row["component_id"], [])
    return " ".join([counts, *(verdict.reason for verdict in held)])


def _entry_id(component_id: str) -> str:
    return f"urn:fleetfold:problematic:{quote(component_id, safe='')}"


def _page_url(base: str, component_id: str) -> str:
    return f"{base}#/component/{quote(component_id, safe='')}"


def shown(text: str) -> str:
    """Return the text as XML 1.0 can hold it: it has no control characters, not even escaped ones."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
