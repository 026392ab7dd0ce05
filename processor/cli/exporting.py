"""`fleetfold export`: the rows as a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from processor.cli.common import (
    BootstrapOption,
    PrefixOption,
    UrlOption,
    console,
    fail,
    harmless,
    query_settings,
)
from processor.cli.queries import rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processor.settings import Settings

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(export)


def export(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; the ending names the format.")],
    what: Annotated[
        str, typer.Option("--what", metavar="components|pairs|history", help="Which rows.")
    ] = "components",
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="parquet|arrow|csv|tracker", help="Instead of the ending's."),
    ] = None,
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    url: UrlOption = None,
) -> None:
    """Write all rows to a file: for notebooks (Parquet, Arrow), spreadsheets (CSV), OutcomeTracker (JSON).

    A file that is there is replaced at once, or not at all.
    """
    from processor.serve.export import export as write
    from processor.serve.export import format_of

    table = _one_of("what", what, ("components", "pairs", "history"))
    wanted = _one_of("format", form, ("parquet", "arrow", "csv", "tracker")) if form else format_of(path)
    rows = _rows(query_settings(bootstrap, topic_prefix, url), table)
    write(path, wanted, table, rows)
    console.print(f"{len(rows):,} {table} written to {harmless(str(path))} ({wanted})")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> Any:
    if value not in allowed:
        fail(f"--{name} is {harmless(value)!r}: it must be {' or '.join(allowed)}")
    return value


def _rows(settings: "Settings", table: str) -> "Sequence[Any]":
    """Return the rows in the order of the lists; time lines in that of ids."""
    from processor.serve.queries import pair_rows, stats_rows

    if table == "history":
        from processor.cli.trends import every_history
        from processor.serve.timeline import history_rows

        return list(history_rows(every_history(settings)))

    if settings.url:
        from processor.cli.remote import ask_all

        if table == "pairs":
            return list(ask_all(settings.url, lambda service: service.pairs(1, None)))
        return list(ask_all(settings.url, lambda service: service.components()))
    if table == "pairs":
        return pair_rows(rows_of(settings, "co-failures"))
    return stats_rows(rows_of(settings, "component-stats"))
