"""Stats rows as a table for people; on a terminal with small pictures: the rate, and failures over time."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from processor.cli.output import console, print_table
from processor.cli.sparks import bar

if TYPE_CHECKING:
    from processor.serve.queries import StatsRow

__all__ = ["print_stats", "short_time"]

_NUMBERS = ("installed", "failed", "rate", "sessions", "used", "removed")
_COLUMNS = ("component", *_NUMBERS, "first seen", "last failure")
_TREND = "failures, 90 days"


def print_stats(rows: "Iterable[StatsRow]", title: str = "", sparks: Mapping[str, str] | None = None) -> None:
    """Print stats rows as a table.

    Args:
        rows: what to print.
        title: a line above.
        sparks: for each component a picture of its failures; shown on a terminal.
    """
    drawn = console.is_terminal
    columns = (*_COLUMNS, "", *((_TREND,) if sparks else ())) if drawn else _COLUMNS
    cells = [
        (
            row["component_id"],
            row["install_successes"],
            row["install_failures"],
            f"{row['success_rate']:.0%}" if row["install_successes"] or row["install_failures"] else "-",
            row["failure_sessions"],
            row["usage_count"],
            row["removal_count"],
            short_time(row["first_seen"]),
            short_time(row["last_failure"]),
            *((bar(row["success_rate"]),) if drawn else ()),
            *((sparks.get(row["component_id"], ""),) if drawn and sparks else ()),
        )
        for row in rows
    ]
    print_table(columns, cells, title=title, right=_NUMBERS)


def short_time(time: str | None) -> str:
    """Return the time to the second, in UTC as it stands on the topic."""
    return "-" if time is None else time[:19].replace("T", " ") + "Z"
