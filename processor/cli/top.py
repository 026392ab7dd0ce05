"""`fleetfold top`: what is failing now, as a table that lives."""

import asyncio
import signal
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from processor.cli.common import (
    BootstrapOption,
    JsonOption,
    PrefixOption,
    UrlOption,
    console,
    print_json,
    query_settings,
)
from processor.cli.trends import HistoryOption

if TYPE_CHECKING:
    from processor.cli.board import Board
    from processor.settings import Settings

__all__ = ["register"]

_KEPT = 30
_PIPED_WIDTH = 200  # no screen cuts an id
Look = Callable[[], Awaitable["Board"]]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(top)


def top(
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    url: UrlOption = None,
    every_s: Annotated[
        float,
        typer.Option("--every", metavar="S", min=0.2, max=3600, help="Look anew after so many seconds."),
    ] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    history: HistoryOption = True,
    as_json: JsonOption = False,
) -> None:
    """Show what is failing now, and keep it up until Ctrl-C. Piped, or with --json, it looks once."""
    settings = query_settings(bootstrap, topic_prefix, url, moves=True)
    once = once or as_json or not console.is_terminal
    asyncio.run(_until_told(_show(settings, every_s, once=once, history=history, as_json=as_json)))


async def _until_told(showing: Coroutine[None, None, None]) -> None:
    """Show until SIGTERM; that is a clean end."""
    task = asyncio.ensure_future(showing)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


async def _show(settings: "Settings", every_s: float, *, once: bool, history: bool, as_json: bool) -> None:
    from processor.cli.board import drawn

    async with _looking(settings, history) as look:
        board = await look()
        if as_json:
            print_json(board)
        elif once:
            if not console.is_terminal:
                console.width = _PIPED_WIDTH
            console.print(drawn(board, [], time.time()), soft_wrap=False)
        else:
            await _live(board, look, every_s)


async def _live(board: "Board", look: Look, every_s: float) -> None:
    from rich.live import Live

    from processor.cli.board import drawn

    rates: deque[float] = deque(maxlen=_KEPT)
    with Live(drawn(board, rates, time.time()), console=console, screen=True, auto_refresh=False) as live:
        looked_s = time.monotonic()
        while True:
            await asyncio.sleep(every_s)
            before, board = board["changes"], await look()
            now_s = time.monotonic()
            rates.append(max(board["changes"] - before, 0) / (now_s - looked_s))
            looked_s = now_s
            live.update(drawn(board, rates, time.time()), refresh=True)


@asynccontextmanager
async def _looking(settings: "Settings", history: bool) -> AsyncIterator[Look]:
    """Yield a function that looks at the service, or at a view of Kafka's topics."""
    from processor.cli.board import board_of_service, board_of_view

    if settings.url:
        from processor.cli.remote import Service

        async with Service(settings.url) as service:
            yield lambda: board_of_service(service, history=history)
        return
    from processor.serve.view import OutcomeView

    async with await OutcomeView.open(settings=settings, more=True, history=history) as view:
        if view.pipeline is not None:
            await view.pipeline.known()

        async def look() -> "Board":
            if view.error is not None:
                raise view.error
            return board_of_view(view)

        yield look
