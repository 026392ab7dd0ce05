"""Publishing outcomes. `Publisher` and `BlockingPublisher` are what an installer needs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from processor.publish.client import BlockingPublisher, Publisher

__all__ = ["BlockingPublisher", "Publisher"]


def __getattr__(name: str) -> Any:
    """Import a publisher when it is asked for: importers and the command line start without it."""
    if name in __all__:
        from processor.publish import client  # noqa: PLC0415  # on demand, as said above

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
