"""A start says what it is doing: fetching (once on a machine, with a size), formatting, starting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["OnProgress", "StartProgress", "ignore_progress"]


@dataclass(frozen=True, slots=True)
class StartProgress:
    """How far a start is; the sizes are 0 where there is nothing to count."""

    stage: Literal["fetch", "format", "start"]
    done_bytes: int = 0
    total_bytes: int = 0


OnProgress = Callable[[StartProgress], None]


def ignore_progress(_progress: StartProgress) -> None:
    """Say nothing."""
