"""A document is read as a whole: one JSON object that its program writes anew each time."""

from pathlib import Path
from typing import Any

import orjson

from processor.publish.logfiles import CorruptLogError, read_text

__all__ = ["load_object"]


def load_object(path: Path) -> dict[str, Any]:
    """Return the JSON object that a file holds, compressed or not.

    Raises:
        LogFileError: it cannot be read.
        CorruptLogError: it holds no complete JSON object.
    """
    try:
        value = orjson.loads(read_text(path))
    except orjson.JSONDecodeError as error:
        raise CorruptLogError(f"{path} is no complete JSON: {error}") from error
    if not isinstance(value, dict):
        raise CorruptLogError(f"{path} holds no JSON object")
    return value
