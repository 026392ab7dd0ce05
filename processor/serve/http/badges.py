"""The route of badges: a component's rate as a small picture, for a README."""

from typing import Final
from unicodedata import east_asian_width
from xml.sax.saxutils import escape

from fastapi import APIRouter
from starlette.responses import Response

from processor.serve.http.context import IdParam, Match, Shared, problems
from processor.serve.http.replies import fresh
from schemas.verdicts import VerdictKind

__all__ = ["badge", "router"]

router = APIRouter(tags=["components"])

_MEDIA_TYPE = "image/svg+xml"
_MAX_AGE_S = 60
_LABEL: Final = "installs"
_CHARACTER_PX, _PADDING_PX = 7, 10
_GOOD_RATE = 0.95
_GREEN, _AMBER, _RED, _GREY = "#2e7d32", "#8a6100", "#c62828", "#616161"  # each 4.5:1 under white text


@router.get(
    "/v1/components/{component_id}/badge.svg",
    response_class=Response,
    responses=problems(media_type=_MEDIA_TYPE),
)
async def badge_svg(shared: Shared, component_id: IdParam, match: Match = None) -> Response:
    """A component's success rate as a picture; an unknown one's says so."""
    row = shared.answers.rows.row(component_id)
    kinds = shared.answers.verdicts.kinds.get(component_id, ())
    if row is None:
        picture = badge(_LABEL, "unknown", _GREY)
    elif row["deprecated_at"] is not None:
        picture = badge(_LABEL, "deprecated", _GREY)
    elif not row["install_successes"] + row["install_failures"]:
        picture = badge(_LABEL, "untried", _GREY)
    else:
        rate = row["success_rate"]
        colour = (
            _RED
            if row["is_problematic"] or VerdictKind.PROBLEMATIC in kinds
            else _GREEN
            if rate >= _GOOD_RATE
            else _AMBER
        )
        attempts = row["install_successes"] + row["install_failures"]
        picture = badge(_LABEL, f"{_percent(rate)} of {attempts:,}", colour)
    response = fresh(picture.encode(), match, _MEDIA_TYPE, _MAX_AGE_S).response()
    response.headers["cross-origin-resource-policy"] = "cross-origin"  # other pages are what it is for
    return response


def _percent(rate: float) -> str:
    """Return the rate without claiming a whole that it is not: 99.96 % is not 100 %, nor 0.04 % 0 %."""
    if rate in {0.0, 1.0}:
        return f"{rate:.0%}"
    return f"{min(max(rate, 0.01), 0.99):.0%}"


def badge(label: str, text: str, colour: str) -> str:
    """Return a flat badge as SVG; both texts may hold anything."""
    left, right = _width(label), _width(text)
    label, text = escape(label, {'"': "&quot;"}), escape(text, {'"': "&quot;"})
    total = left + right
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="20" role="img" '
        f'aria-label="{label}: {text}"><title>{label}: {text}</title>'
        f'<rect width="{total}" height="20" rx="3" fill="#424242"/>'
        f'<rect x="{left}" width="{right}" height="20" rx="3" fill="{colour}"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2}" y="14">{label}</text><text x="{left + right / 2}" y="14">{text}</text></g>'
        "</svg>"
    )


def _width(text: str) -> int:
    cells = sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
    return cells * _CHARACTER_PX + _PADDING_PX
