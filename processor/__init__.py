"""Fleetfold's processor. `OutcomeTracker` is the whole of it in one process, without Kafka."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from processor.tracker import OutcomeTracker

__all__ = ["OutcomeTracker"]


def __getattr__(name: str) -> Any:
    """Import the tracker when it is asked for: the folds and the command line start without it."""
    if name == "OutcomeTracker":
        from processor.tracker import OutcomeTracker  # noqa: PLC0415  # on demand, as said above

        return OutcomeTracker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
