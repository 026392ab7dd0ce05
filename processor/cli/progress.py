"""Long work says how far it is: a bar on a terminal, now and then a plain line elsewhere, on stderr."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from processor.cli.output import err_console, harmless

__all__ = ["Progress", "progress"]

_LINE_EVERY_S = 5.0


class Progress(Protocol):
    """A running piece of work: its count, its total (None while unknown) and what it is doing."""

    def advance(self, amount: int = 1) -> None:
        """Add to what is done."""

    def update(
        self, *, completed: int | None = None, total: int | None = None, label: str | None = None
    ) -> None:
        """Set what is given and keep the rest."""


@contextmanager
def progress(label: str, total: int | None = None, *, tells_left: bool = False) -> Iterator[Progress]:
    """Show one piece of work until the block ends.

    Args:
        label: what is being done, such as "publishing events".
        total: how many there are, if known.
        tells_left: whether to say how long it will still take, by the pace so far.

    Yields:
        A handle to say how far it is.
    """
    if err_console.is_terminal:
        with _bar(label, total, tells_left=tells_left) as bar:
            yield bar
        return
    lines = _Lines(label, total, tells_left=tells_left)
    yield lines
    lines.close()


class _Lines:
    """Plain lines: one at the start, one every few seconds, one at the end."""

    def __init__(self, label: str, total: int | None, *, tells_left: bool) -> None:
        self._label = label
        self._total = total
        self._tells_left = tells_left
        self._completed = 0
        self._began: tuple[float, int] | None = None
        self._last_s = time.monotonic()
        self._say(" ...")

    def advance(self, amount: int = 1) -> None:
        self.update(completed=self._completed + amount)

    def update(
        self, *, completed: int | None = None, total: int | None = None, label: str | None = None
    ) -> None:
        self._completed = self._completed if completed is None else completed
        self._total = self._total if total is None else total
        if label is not None and label != self._label:
            self._label = label
            self._say(" ...")
        now_s = time.monotonic()
        if self._began is None and self._total is not None:
            self._began = (now_s, self._completed)
        if now_s - self._last_s >= _LINE_EVERY_S:
            self._last_s = now_s
            self._say((self._count() or " ...") + self._left(now_s))

    def close(self) -> None:
        self._say(self._count() or " done")

    def _count(self) -> str:
        if not self._completed:
            return ""
        return f": {self._completed:,}" + (f" of {self._total:,}" if self._total else "")

    def _left(self, now_s: float) -> str:
        if not self._tells_left or self._began is None or self._total is None:
            return ""
        began_s, before = self._began
        done, left = self._completed - before, max(self._total - self._completed, 0)
        if done <= 0 or now_s <= began_s:
            return ""
        left_s = round(left * (now_s - began_s) / done)
        return f", {left_s // 3600}:{left_s // 60 % 60:02}:{left_s % 60:02} left"

    def _say(self, rest: str) -> None:
        err_console.print(harmless(self._label) + rest)


@contextmanager
def _bar(label: str, total: int | None, *, tells_left: bool) -> Iterator[Progress]:
    # Loaded here: a bar is seldom shown, and every command pays for what stands at the top.
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichProgress

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        *((TextColumn("left:"), TimeRemainingColumn()) if tells_left else ()),
    )
    with RichProgress(*columns, console=err_console, transient=True) as rich_progress:
        task = rich_progress.add_task(harmless(label), total=total)

        class _Bar:
            def advance(self, amount: int = 1) -> None:
                rich_progress.advance(task, amount)

            def update(
                self, *, completed: int | None = None, total: int | None = None, label: str | None = None
            ) -> None:
                description = None if label is None else harmless(label)
                rich_progress.update(task, completed=completed, total=total, description=description)

        yield _Bar()
