"""A pair of components that failed together stands once, its ids in code point order.

The key is a JSON array, because no separator is safe: an id may hold any character.
"""

from typing import Any, Self

import orjson
from pydantic import BaseModel, Field, model_validator

from schemas.quoted import quoted

__all__ = ["CoFailure", "pair_key", "pair_value", "parse_pair_key"]


class CoFailure(BaseModel):
    """In how many failure sessions both components failed; it has no times, as none could be withdrawn."""

    component_a: str = Field(description="The first of the two by code point")
    component_b: str = Field(description="The second of the two by code point")
    count: int = Field(ge=1, description="Sessions in which both failed; a row that returns to 0 is deleted")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.component_a >= self.component_b:
            raise ValueError("component_a must stand before component_b by code point")
        return self


def pair_key(component_a: str, component_b: str) -> bytes:
    """Return the key of a pair on `co-failures`, whichever way round the two are given: `["a","b"]`.

    Raises:
        ValueError: both are the same.
    """
    if component_a == component_b:
        raise ValueError(f"a pair needs two components, not {component_a!r} twice")
    if component_a > component_b:
        component_a, component_b = component_b, component_a
    return b"[%b,%b]" % (quoted(component_a), quoted(component_b))


def pair_value(component_a: str, component_b: str, count: int) -> bytes:
    """Return the value of a pair on `co-failures`: the JSON of `CoFailure`, with a < b."""
    return b'{"component_a":%b,"component_b":%b,"count":%d}' % (
        quoted(component_a),
        quoted(component_b),
        count,
    )


def parse_pair_key(key: bytes) -> tuple[str, str]:
    """Return the two component ids of a key, a < b.

    Raises:
        ValueError: not a key that `pair_key` wrote.
    """
    try:
        pair: Any = orjson.loads(key)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{key!r} is no pair's key") from error
    match pair:
        case [str(a), str(b)] if a < b:
            return a, b
        case _:
            raise ValueError(f"{key!r} is no pair's key")
