"""What the routes share: the answers, the orders over them, and how FastAPI is told of it all."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request

from processor.serve.answers import Answers
from processor.serve.http.cursors import CURSOR_MAX
from processor.serve.http.paths import decode_id
from processor.serve.http.replies import PROBLEM
from processor.serve.ordered import Ordered
from processor.serve.turns import Turns
from processor.serve.view import AsOf, OutcomeView

__all__ = [
    "AfterParam",
    "Context",
    "IdParam",
    "LimitParam",
    "Match",
    "MinCount",
    "Shared",
    "problems",
]

PAGE_MAX = 1_000


@dataclass(slots=True)
class Context:
    """What the routes answer from.

    Attributes:
        answers: what is known.
        view: where it comes from; None where tests have only answers.
        streams: readers of the stream now.
        closing: whether the service is about to end.
        turns: since when components are problematic.
    """

    answers: Answers
    view: OutcomeView | None = None
    streams: int = 0
    closing: bool = False
    turns: Turns = field(default_factory=Turns)

    _ordered: Ordered | None = field(default=None, init=False)

    @property
    def ordered(self) -> Ordered:
        """The orders of the components that are known now; made anew when another generation is followed."""
        if self._ordered is None or self._ordered.rows is not self.answers.rows:
            self._ordered = Ordered(self.answers.rows)
        return self._ordered

    @property
    def as_of(self) -> AsOf | None:
        """How fresh the answers are; None where they come from nowhere."""
        return self.view.as_of if self.view else None


def _shared(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


def _component_id(component_id: str) -> str:
    return decode_id(component_id)


def problems(*statuses: int, media_type: str | None = None) -> dict[int | str, dict[str, Any]]:
    """Return how OpenAPI is told of the problems of a route, beside those that every route has."""
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    told: dict[int | str, dict[str, Any]] = {
        status: {"description": "A problem", "content": content}
        for status in sorted({*statuses, 400, 401, 403, 414, 421, 422, 503})
    }
    if media_type:
        told[200] = {"content": {media_type: {}}}
    return told


Shared = Annotated[Context, Depends(_shared)]
IdParam = Annotated[str, Depends(_component_id)]
Match = Annotated[str | None, Header(alias="If-None-Match", description="A tag from before")]
LimitParam = Annotated[int, Query(ge=1, le=PAGE_MAX, description="How many at most")]
AfterParam = Annotated[
    str | None, Query(max_length=CURSOR_MAX, description="`next` of the page before; absent for the first")
]
MinCount = Annotated[int, Query(ge=1, le=2**53, description="Below this, a pair is called chance")]
