"""`fleetfold history`: what happened to components lately, by hour and by day."""

from typing import TYPE_CHECKING, Annotated

import typer

from processor.cli.common import (
    BootstrapOption,
    JsonOption,
    PrefixOption,
    UrlOption,
    console,
    fail,
    harmless,
    print_json,
    print_table,
    query_settings,
)
from processor.cli.sparks import spark
from processor.cli.statstable import short_time
from processor.cli.trends import histories_of

if TYPE_CHECKING:
    from processor.serve.timeline import Count, Window
    from schemas import ComponentHistory

__all__ = ["register"]

_NUMBERS = ("failed", "installed", "used", "removed")
_DRAWN: tuple[tuple[str, "Count"], ...] = (("failed", "install_failures"), ("installed", "install_successes"))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("history")(history)


def history(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Component ids.", show_default=False)],
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the time lines of components: by day for 90 days, by hour for 48 hours.

    Exit code 1 when nothing was counted of one of them.
    """
    settings = query_settings(bootstrap, topic_prefix, url)
    wanted = list(dict.fromkeys(ids))
    found = histories_of(settings, wanted, asked=True)
    if found is None:
        fail("there are no time lines to be had here")
    known = [found[each] for each in wanted if each in found and found[each].days]
    if as_json:
        print_json([each.model_dump(mode="json") for each in known])
    else:
        for each in known:
            _draw(each)
    unknown = [each for each in wanted if each not in {told.component_id for told in known}]
    if unknown:
        fail("nothing was counted of: " + ", ".join(map(harmless, unknown)), 1)


def _draw(told: "ComponentHistory") -> None:
    """Print one time line: on a terminal with a picture of each window above its numbers."""
    from processor.serve.timeline import filled, history_rows, newest

    windows: tuple[tuple[Window, str], ...] = (("days", "90 days"), ("hours", "48 hours"))
    console.print(harmless(told.component_id), style="bold")
    for window, name in windows if console.is_terminal else ():
        end = newest([told], window)
        for what, count in _DRAWN:
            counts = filled(told, window, end, count)
            console.print(f"{name:>8}, {what:<9} {spark(counts)} {sum(counts):,}", soft_wrap=False)
    cells = [
        (
            row["step"],
            short_time(row["start"]),
            row["install_failures"],
            row["install_successes"],
            row["usage_count"],
            row["removal_count"],
        )
        for row in history_rows([told])
    ]
    print_table(("step", "from", *_NUMBERS), cells, right=_NUMBERS)
