"""A page's end, as a text that the asker hands back to get the next page; it holds no more than the place."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Any

import orjson

__all__ = ["CURSOR_MAX", "BadCursorError", "decode_cursor", "encode_cursor"]

CURSOR_MAX = 3_000


class BadCursorError(ValueError):
    """Not a cursor of this question."""


def encode_cursor(question: str, place: tuple[Any, ...]) -> str:
    """Return the cursor of a place in the answer to a question."""
    return urlsafe_b64encode(orjson.dumps([question, *place])).decode().rstrip("=")


def decode_cursor(cursor: str, question: str, types: tuple[type | tuple[type, ...], ...]) -> tuple[Any, ...]:
    """Return the place.

    Args:
        cursor: what `encode_cursor` returned.
        question: the same as then; a cursor of another order is none of this.
        types: of the place's parts.

    Raises:
        BadCursorError: it is another text.
    """
    try:
        told, *place = orjson.loads(urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
    except (UnicodeEncodeError, Base64Error, ValueError, TypeError) as error:
        raise BadCursorError("the cursor is not one that this service gave") from error
    if told != question or len(place) != len(types):
        raise BadCursorError("the cursor is of another question")
    if not all(isinstance(each, kind) for each, kind in zip(place, types, strict=True)):
        raise BadCursorError("the cursor is not one that this service gave")
    return tuple(place)
