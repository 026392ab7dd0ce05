"""The same view without `await`, for scripts and notebooks: it follows in a thread of its own.

`with BlockingOutcomeView("127.0.0.1:9092") as view: view.success_rate("pkg:pypi/ruff")`
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

from processor.serve.changes import Change
from processor.serve.pairrows import Pair
from processor.serve.view import AsOf, OutcomeView
from processor.settings import Settings
from schemas import ComponentHistory, OutcomeStats

__all__ = ["BlockingOutcomeView"]

T = TypeVar("T")


class BlockingOutcomeView:
    """Opens in its making, and is ready once that returns.

    Args:
        bootstrap: the Kafka, `host:port`; else what the settings say.
        settings: else from the environment, security included.
        snapshot_path: a file to begin from.
        history: follow the time lines as well, for `history`.

    Raises:
        TopicsError, KafkaUnavailableError, SettingsError: as `OutcomeView.open`.
    """

    def __init__(
        self,
        bootstrap: str | None = None,
        *,
        settings: Settings | None = None,
        snapshot_path: Path | None = None,
        history: bool = False,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="outcome-view", daemon=True)
        self._thread.start()
        try:
            opening = OutcomeView.open(
                bootstrap, settings=settings, snapshot_path=snapshot_path, history=history
            )
            self._view = self._run(opening)
        except BaseException:
            self._stop_loop()
            raise
        # The answers need no loop: they are looked up where they are asked for.
        self.success_rate = self._view.success_rate
        self.score_multiplier = self._view.score_multiplier

    def stats(self, component_id: str) -> OutcomeStats | None:
        """See OutcomeView."""
        return self._view.stats(component_id)

    def problematic(self) -> list[str]:
        """See OutcomeView."""
        return self._in_loop(self._view.problematic)

    def frequently_removed(self, min_removals: int = 2) -> list[str]:
        """See OutcomeView."""
        return self._in_loop(lambda: self._view.frequently_removed(min_removals))

    def deprecated(self) -> list[str]:
        """See OutcomeView."""
        return self._in_loop(self._view.deprecated)

    def co_failures(self, component: str | None = None, min_count: int = 2) -> list[Pair]:
        """See OutcomeView."""
        return self._in_loop(lambda: self._view.co_failures(component, min_count))

    def conflicts_with(self, component_id: str, min_count: int = 2) -> list[tuple[str, int]]:
        """See OutcomeView."""
        return self._in_loop(lambda: self._view.conflicts_with(component_id, min_count))

    def history(self, component_id: str) -> ComponentHistory:
        """See OutcomeView."""
        return self._in_loop(lambda: self._view.history(component_id))

    @property
    def as_of(self) -> AsOf:
        """See OutcomeView."""
        return self._in_loop(lambda: self._view.as_of)

    def watch(self) -> Iterator[Change]:
        """Yield each change from now on, and wait for the next; ends when the view is closed elsewhere."""
        changes = self._view.watch()

        async def following() -> Change | None:
            return await anext(changes, None)

        while (change := self._run(following())) is not None:
            yield change

    def save_snapshot(self, path: Path | None = None) -> Path | None:
        """See OutcomeView."""
        return self._run(self._view.save_snapshot(path))

    def close(self) -> None:
        """Stop following; a second call does nothing."""
        if self._thread.is_alive():
            self._run(self._view.close())
            self._stop_loop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, waited: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(waited, self._loop).result()

    def _in_loop(self, question: Callable[[], T]) -> T:
        """Ask between two runs of records, so that no row changes in the middle of an answer."""
        if not self._thread.is_alive():
            return question()

        async def ask() -> T:
            return question()

        return self._run(ask())

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
