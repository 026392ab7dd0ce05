"""The questions of a person at a terminal, read straight from the result topics, or asked of a service."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from processor.cli.common import (
    BootstrapOption,
    JsonOption,
    PrefixOption,
    UrlOption,
    console,
    err_console,
    fail,
    harmless,
    print_json,
    print_table,
    progress,
    query_settings,
)
from processor.cli.sparks import bar, counted, spark
from processor.cli.statstable import print_stats, short_time
from processor.cli.trends import HistoryOption, histories_of, sparks_of, with_history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from processor.cli.remote import Service
    from processor.serve.queries import FailureSession, PairRow, StatsRow
    from processor.settings import Settings

__all__ = ["register", "rows_of"]

_SPARK_LEAST = 3


def register(app: typer.Typer) -> None:
    """Add the queries."""
    for name, command in (
        ("stats", _stats),
        ("problematic", _problematic),
        ("removed", _removed),
        ("pairs", _pairs),
        ("deprecated", _deprecated),
        ("failures", _failures),
    ):
        app.command(name)(command)


def rows_of(settings: "Settings", topic: str) -> dict[bytes, bytes]:
    """Read all rows of a result topic, with a progress bar on a terminal.

    Args:
        settings: where to read.
        topic: its name in the contract, without the prefix.

    Raises:
        TopicsError: no such topic.
        KafkaUnavailableError: no broker answers.
    """
    from processor.serve.reader import read_snapshot

    name, options = settings.topic(topic), settings.kafka_options()
    if not err_console.is_terminal:
        return asyncio.run(read_snapshot(name, options)).rows
    with progress(f"reading {name}") as bar:
        return asyncio.run(read_snapshot(name, options, bar.advance)).rows


def _stats(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Component ids.", show_default=False)],
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    url: UrlOption = None,
    history: HistoryOption = True,
    as_json: JsonOption = False,
) -> None:
    """Show how well components do; exit code 1 when one of them was never seen."""
    from processor.serve.queries import stats_rows

    settings = query_settings(bootstrap, topic_prefix, url)
    if settings.url:
        rows = _asked(settings, lambda service: service.stats(ids))
    else:
        found = rows_of(settings, "component-stats")
        keys = (component_id.encode("utf-8", "surrogateescape") for component_id in ids)
        rows = stats_rows({key: found[key] for key in keys if key in found})
    known = {row["component_id"] for row in rows}
    unknown = [component_id for component_id in dict.fromkeys(ids) if component_id not in known]
    if rows or as_json:
        _show_stats(settings, rows, as_json, history, "")
    if unknown:
        fail("never seen: " + ", ".join(map(harmless, unknown)), 1)


def _problematic(
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    url: UrlOption = None,
    history: HistoryOption = True,
    as_json: JsonOption = False,
) -> None:
    """List the components that fail more often than they work: 3 failures or more, under half installed."""
    from processor.serve.queries import problematic

    settings = query_settings(bootstrap, topic_prefix, url)
    rows = problematic(_stats_from(settings, problematic="true"))
    _show_stats(settings, rows, as_json, history, "no component is problematic")


def _removed(
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    url: UrlOption = None,
    min_removals: Annotated[
        int, typer.Option("--min-removals", metavar="N", min=1, help="At least so often.")
    ] = 2,
    history: HistoryOption = True,
    as_json: JsonOption = False,
) -> None:
    """List the components that users take away again."""
    from processor.serve.queries import removed

    settings = query_settings(bootstrap, topic_prefix, url)
    rows = removed(_stats_from(settings, removed=min_removals), min_removals)
    _show_stats(settings, rows, as_json, history, f"no component was removed {min_removals} times or more")


def _deprecated(
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    url: UrlOption = None,
    history: HistoryOption = True,
    as_json: JsonOption = False,
) -> None:
    """List the components that were called deprecated, and how much they are still used."""
    from processor.serve.queries import deprecated

    settings = query_settings(bootstrap, topic_prefix, url)
    rows = deprecated(_stats_from(settings, deprecated="true"))
    _show_stats(settings, rows, as_json, history, "no component is deprecated")


def _pairs(
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    url: UrlOption = None,
    min_count: Annotated[int, typer.Option("--min-count", metavar="N", min=1, help="At least so often.")] = 2,
    component: Annotated[
        str | None, typer.Option("--component", metavar="ID", help="Only with this one.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the components that fail together, with the count of sessions in which both failed."""
    from processor.serve.queries import pair_rows, pairs

    settings = query_settings(bootstrap, topic_prefix, url)
    if settings.url:
        found: list[PairRow] = _asked(settings, lambda service: service.pairs(min_count, component))
    else:
        found = pairs(pair_rows(rows_of(settings, "co-failures")), min_count, component)
    if as_json:
        print_json(found)
    elif found:
        most = found[0]["count"]
        cells = [(row["component_a"], row["component_b"], row["count"], row["count"] / most) for row in found]
        print_table(("component", "fails together with", "sessions", ""), _drawn(cells), right=("sessions",))
    else:
        console.print(f"no pair failed together {min_count} times or more")


def _failures(
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    url: UrlOption = None,
    host: Annotated[
        str | None, typer.Option("--host", metavar="ID", help="Only this host's.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the recent failure sessions, newest first: which components failed close together on a host."""
    from processor.serve.queries import failure_sessions

    settings = query_settings(bootstrap, topic_prefix, url)
    if settings.url:
        sessions: list[FailureSession] = _asked(settings, lambda service: service.sessions(host))
    else:
        sessions = failure_sessions(rows_of(settings, "host-ledger"), host)
    if as_json:
        print_json([_session_json(session) for session in sessions])
    elif sessions:
        cells = [_session_cells(session) for session in sessions]
        print_table(("host", "from", "to", "failed"), cells, title=_over_time(sessions))
    else:
        console.print("no recent failures" + (f" on host {harmless(host)}" if host is not None else ""))


def _asked(settings: "Settings", question: "Callable[[Service], Any]") -> Any:
    from processor.cli.remote import ask_all

    return ask_all(settings.url, question)


def _stats_from(settings: "Settings", **wanted: "str | int") -> "Iterable[StatsRow]":
    """Return stats rows: all of the topic, or what a service has of those that are wanted."""
    from processor.serve.queries import each_stats_row

    if settings.url:
        found: list[StatsRow] = _asked(settings, lambda service: service.components(**wanted))
        return found
    return each_stats_row(rows_of(settings, "component-stats"))


def _drawn(cells: "Iterable[tuple[Any, ...]]") -> "Iterator[tuple[Any, ...]]":
    """Yield the rows with their last cell, a share, as a bar on a terminal, and left out elsewhere."""
    for *rest, share in cells:
        yield (*rest, bar(share) if console.is_terminal else "")


def _over_time(sessions: "list[FailureSession]") -> str:
    """Return a line above the sessions that shows when they were, on a terminal."""
    if not console.is_terminal or len(sessions) < _SPARK_LEAST:
        return ""
    from schemas.times import parse_us

    line = spark(counted(parse_us(session.end) for session in sessions))
    return f"{short_time(sessions[-1].end)} {line} {short_time(sessions[0].end)}"


def _show_stats(
    settings: "Settings", rows: "list[StatsRow]", as_json: bool, history: bool, when_empty: str
) -> None:
    """Print rows, with their time lines where somebody gets to see them."""
    asked = history and (as_json or console.is_terminal)
    histories = histories_of(settings, [row["component_id"] for row in rows], asked=asked)
    if as_json:
        print_json(with_history(rows, histories) if history else rows)
    elif rows:
        print_stats(rows, sparks=sparks_of(histories) if histories else None)
    else:
        console.print(when_empty)


def _session_json(session: "FailureSession") -> dict[str, Any]:
    return {
        "host_id": session.host,
        "start": session.start,
        "end": session.end,
        "components": session.components,
        "mass_failure": session.components is None,
    }


def _session_cells(session: "FailureSession") -> tuple[str, str, str, str]:
    failed = "mass failure" if session.components is None else ", ".join(session.components)
    return (session.host or "(no host)", short_time(session.start), short_time(session.end), failed)
