"""Whether a changed JSON Schema breaks those who know the one before: the rules of deploy/UPGRADING.md."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["breaks"]

Schema = Mapping[str, Any]
_UPPER = ("maxLength", "maximum", "maxItems")
_LOWER = ("minLength", "minimum", "minItems")


def breaks(old: Schema, new: Schema, *, incoming: bool) -> list[str]:
    """Return what a new schema breaks, a line each; none if whoever knows the old one can go on.

    Args:
        old: as it was released.
        new: as it is.
        incoming: it says what others may send, and all that was valid must stay so. Otherwise it says what is
            written, and all that was told must be told still.
    """
    return list(_Comparison(old, new, incoming=incoming).differences(old, new, "value"))


class _Comparison:
    def __init__(self, old: Schema, new: Schema, *, incoming: bool) -> None:
        self._old, self._new, self._incoming = old, new, incoming

    def differences(self, old: Any, new: Any, at: str) -> Iterator[str]:
        old, new = _followed(old, self._old), _followed(new, self._new)
        version = old.get("properties", {}).get("v", {}).get("const")
        if version is not None and version not in _versions(new, self._new):
            return  # another version of an encoding that only our own agents read, and says so
        gone, fresh = set(old.get("enum", ())), set(new.get("enum", ()))
        if gone - fresh:
            yield f"{at}: the values {sorted(gone - fresh)} are gone"
        if not self._incoming and gone and fresh - gone:
            yield f"{at}: readers do not know the values {sorted(fresh - gone)}"
        wide, narrow = (new, old) if self._incoming else (old, new)
        if _types(narrow) - _types(wide):
            yield (
                f"{at}: {sorted(_types(narrow))} became {sorted(_types(wide))}"
                if self._incoming
                else (f"{at}: may be {sorted(_types(narrow) - _types(wide))} now")
            )
        if self._incoming:
            yield from self._narrowed(old, new, at)
        yield from self._members(old, new, at)

    def _narrowed(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        for name in _UPPER:
            if name in new and new[name] < old.get(name, float("inf")):
                yield f"{at}: {name} fell to {new[name]}"
        for name in _LOWER:
            if name in new and new[name] > old.get(name, float("-inf")):
                yield f"{at}: {name} rose to {new[name]}"

    def _members(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before:
            if name not in after:
                yield f"{at}.{name}: is gone"
            else:
                yield from self.differences(before[name], after[name], f"{at}.{name}")
        needed, were_needed = set(new.get("required", ())), set(old.get("required", ()))
        if self._incoming and needed - were_needed:
            yield f"{at}: {sorted(needed - were_needed)} must be sent now"
        if not self._incoming and were_needed - needed:
            yield f"{at}: {sorted(were_needed - needed)} may be missing now"
        if "items" in old and isinstance(new.get("items"), dict):
            yield from self.differences(old["items"], new["items"], f"{at}[]")


def _followed(schema: Any, root: Schema) -> Schema:
    """Return what a reference leads to."""
    while isinstance(schema, dict) and "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return schema if isinstance(schema, dict) else {}


def _versions(schema: Schema, root: Schema) -> set[int]:
    """Return the versions of an encoding that a schema describes."""
    parts = [_followed(part, root) for part in schema.get("anyOf") or [schema]]
    return {part.get("properties", {}).get("v", {}).get("const") for part in parts}


def _types(schema: Schema) -> set[str]:
    """Return the types that a schema allows; numbers are also what integers are."""
    parts = schema.get("anyOf") or [schema]
    return {str(part["type"]) for part in parts if "type" in part}
