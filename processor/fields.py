"""How a setting is declared: its default, its unit and what is allowed, in words that the docs repeat."""

from typing import TYPE_CHECKING, Any

from pydantic import Field

if TYPE_CHECKING:
    from pydantic.config import JsonDict

__all__ = ["number", "text"]


def number(default: float | None, low: float, high: float, unit: str, description: str) -> Any:
    """Return a field for a number from `low` to `high`; what is allowed is written out once, here."""
    extra: JsonDict = {"unit": unit, "allowed": f"a number from {low} to {high}"}
    return Field(default, ge=low, le=high, description=description, json_schema_extra=extra)


def text(default: object, allowed: str, description: str) -> Any:
    """Return a field for a text; `allowed` says in words what its validator or type holds."""
    return Field(default, description=description, json_schema_extra={"unit": "", "allowed": allowed})
