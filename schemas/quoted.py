"""An id as JSON, kept for the next time: each stands in many keys and values."""

from functools import lru_cache

import orjson

__all__ = ["quoted"]

_CACHED_IDS = 32_768


@lru_cache(maxsize=_CACHED_IDS)
def quoted(component_id: str) -> bytes:
    """Return an id as JSON: in quotes, with escapes, in UTF-8."""
    # A copy of its own: what orjson returns keeps the kilobytes of its buffer.
    return bytes(memoryview(orjson.dumps(component_id)))
