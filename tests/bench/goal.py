"""One row of what is wanted."""

from dataclasses import dataclass

__all__ = ["Goal"]


@dataclass(frozen=True, slots=True)
class Goal:
    """One row of the table.

    Attributes:
        name: what was measured.
        value: what came of it, with its unit.
        wanted: what is wanted of it; empty if nothing in particular.
        met: whether it is; None if nothing is wanted, or the run was too small to say.
    """

    name: str
    value: str
    wanted: str = ""
    met: bool | None = None
