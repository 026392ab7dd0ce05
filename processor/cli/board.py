"""What `fleetfold top` shows: gathered from a view or from a service, and drawn for a terminal."""

from collections.abc import Iterable, Sequence
from heapq import nsmallest
from typing import TYPE_CHECKING, Any, TypedDict

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from processor.cli.output import harmless
from processor.cli.sparks import bar, spark
from processor.cli.trends import CELLS
from processor.serve.timeline import filled, grouped, newest
from schemas import ComponentHistory

if TYPE_CHECKING:
    from processor.cli.remote import Service
    from processor.serve.pairrows import Pair
    from processor.serve.queries import StatsRow
    from processor.serve.view import OutcomeView

__all__ = ["Board", "board_of_service", "board_of_view", "drawn"]

ROWS = 12
STALE_S = 10.0
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400


class Board(TypedDict):
    """One look.

    Attributes:
        trends: for each failing component its failures by hour, over 48 hours that end for all with the
            newest one of any; None where no time lines are followed.
        changes: the count of changes so far, of which the caller makes a rate.
    """

    components: int
    problematic: int
    pairs: int
    delay_s: float | None
    pipeline: str
    lag: int
    failing: "list[StatsRow]"
    together: "list[Pair]"
    trends: dict[str, list[int]] | None
    changes: int


def board_of_view(view: "OutcomeView") -> Board:
    """Look at a view."""
    rows = view.rows
    told = view.pipeline.report() if view.pipeline else None
    failing = [row for each in rows.failures if (row := rows.row(each)) is not None]
    failing.sort(key=lambda row: row["component_id"])
    failing.sort(key=lambda row: row["last_failure"] or "", reverse=True)  # stable: ids stay in order
    shown = [row["component_id"] for row in failing[:ROWS]]
    pairs = (pair for pair in view.pairs.all() if pair[2] > 1)
    return Board(
        components=len(rows.values),
        problematic=len(rows.problematic),
        pairs=view.pairs.count,
        delay_s=view.as_of.delay_s,
        pipeline=told["state"] if told else "unknown",
        lag=sum(told["lag"].values()) if told else 0,
        failing=failing[:ROWS],
        together=nsmallest(ROWS, pairs, key=lambda pair: (-pair[2], pair[0], pair[1])),
        trends=None if view.days is None else _trends([view.history(each) for each in shown]),
        changes=view.changes.last,
    )


async def board_of_service(service: "Service", *, history: bool) -> Board:
    """Look at a service; `history`: with trends."""
    status = await service.get("status")
    asked = {"failing": "true", "sort": "last_failure", "limit": ROWS, "history": str(history).lower()}
    failing = (await service.get("components", asked))["components"]
    told = [row.pop("history", None) for row in failing]
    pairs = await service.get("co-failures", {"limit": ROWS})
    pipeline = status["pipeline"] or {"state": "unknown", "lag": {}}
    return Board(
        components=status["rows"]["components"],
        problematic=status["lists"]["problematic"],
        pairs=status["rows"]["pairs"],
        delay_s=status["delay_s"],
        pipeline=pipeline["state"],
        lag=sum(pipeline["lag"].values()),
        failing=failing,
        together=[(each["component_a"], each["component_b"], each["count"]) for each in pairs["pairs"]],
        trends=None if None in told else _trends(map(ComponentHistory.model_validate, told)),
        changes=sum(map(sum, status["offsets"].values())),
    )


def _trends(histories: Iterable[ComponentHistory]) -> dict[str, list[int]]:
    told = list(histories)
    end = newest(told, "hours")
    return {each.component_id: filled(each, "hours", end, "install_failures") for each in told}


def drawn(board: Board, rates: Sequence[float], now_s: float) -> RenderableType:
    """Return a board as rich draws it.

    Args:
        board: what to show.
        rates: changes per second lately, oldest first.
        now_s: seconds since the epoch, for how long ago things were.
    """
    return Group(
        _head(board, rates),
        Text(),
        _failing(board["failing"], board["trends"], now_s),
        Text(),
        _together(board["together"]),
    )


def _head(board: Board, rates: Sequence[float]) -> Text:
    delay_s = board["delay_s"]
    stale = delay_s is None or delay_s > STALE_S or board["pipeline"] == "standing"
    text = Text()
    text.append("● ", "red" if stale else "green")
    text.append("not fresh" if delay_s is None else f"{delay_s:.1f} s behind")
    text.append(f"   pipeline {board['pipeline']}, {board['lag']:,} to fold")
    text.append(f"\n{board['components']:,} components, ")
    text.append(f"{board['problematic']:,} problematic", "bold red" if board["problematic"] else "")
    text.append(f", {board['pairs']:,} pairs")
    if rates:
        text.append(f"\n{spark(rates)} {rates[-1]:,.0f} changes/s")
    return text


def _failing(rows: "Sequence[StatsRow]", trends: dict[str, list[int]] | None, now_s: float) -> Table:
    table = Table(title="Failing now", title_justify="left", title_style="bold", box=None, expand=True)
    table.add_column("component", ratio=1, no_wrap=True)
    for name in ("failed", "installed", "worked"):
        table.add_column(name, justify="right")
    table.add_column("", no_wrap=True)
    if trends is not None:
        table.add_column("failures, 48 hours", no_wrap=True)
    table.add_column("last failure", justify="right")
    for row in rows:
        trend = [] if trends is None else [spark(grouped(trends[row["component_id"]], CELLS["hours"]))]
        table.add_row(
            harmless(row["component_id"]),
            f"{row['install_failures']:,}",
            f"{row['install_successes']:,}",
            f"{row['success_rate']:.0%}",
            bar(row["success_rate"]),
            *trend,
            _ago(row["last_failure"], now_s),
            style="red" if row["is_problematic"] else "",
        )
    if not rows:
        table.add_row("no component fails")
    return table


def _together(pairs: "Sequence[Pair]") -> Table:
    table = Table(title="Failing together", title_justify="left", title_style="bold", box=None, expand=True)
    for name in ("component", "fails together with"):
        table.add_column(name, ratio=1, no_wrap=True)
    table.add_column("sessions", justify="right")
    table.add_column("", no_wrap=True)
    for a, b, count in pairs:
        table.add_row(harmless(a), harmless(b), f"{count:,}", bar(count / pairs[0][2]))
    if not pairs:
        table.add_row("no pair failed together twice", "", "", "")
    return table


def _ago(time: str | None, now_s: float) -> str:
    """Return how long ago a time on the topics was, in one unit."""
    if time is None:
        return "-"
    from schemas.times import parse_us

    age_s: Any = max(int(now_s - parse_us(time) / 1e6), 0)
    for size_s, unit in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if age_s >= size_s:
            return f"{age_s // size_s} {unit}"
    return f"{age_s} s"
