"""A component's id in a path: any text, percent-encoded, its slashes too.

Servers hand on a path decoded, and then nobody can tell a slash of an id from one of the path. So routes are
found in the path as it came. For people who type, a slash that is not encoded belongs to the id as well, but
for the last part, if that is the name of a question about the component.
"""

from urllib.parse import quote, unquote_to_bytes

__all__ = ["COMPONENTS", "BadPathError", "component_path", "decode_id", "routed"]

COMPONENTS = "/v1/components/"
_QUESTIONS = ("conflicts", "badge.svg", "history")


class BadPathError(ValueError):
    """The path holds no id."""


def decode_id(text: str) -> str:
    """Return the id that a part of a path stands for.

    Raises:
        BadPathError: not percent-encoded UTF-8.
    """
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError as error:
        raise BadPathError("the component's id is not percent-encoded UTF-8") from error


def component_path(raw_path: str) -> tuple[str, str]:
    """Return the id and the question of a path below `/v1/components/`; "" asks for the row itself.

    Args:
        raw_path: as it came, without the query.

    Raises:
        BadPathError: it names no id.
    """
    rest = raw_path[len(COMPONENTS) :]
    head, _, last = rest.rpartition("/")
    question = last if head and last in _QUESTIONS else ""
    component_id = decode_id(head if question else rest)
    if not component_id:
        raise BadPathError("the path names no component")
    return component_id, question


def routed(component_id: str, question: str) -> str:
    """Return the path by which a route is found: the id as one part."""
    path = COMPONENTS + quote(component_id, safe="")
    return f"{path}/{question}" if question else path
