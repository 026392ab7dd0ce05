"""Time lines for query commands: read from Kafka or asked of a service, and drawn small on a terminal."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from processor.cli.output import err_console, harmless
from processor.cli.progress import progress
from processor.cli.sparks import spark

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from processor.serve.timeline import Window
    from processor.settings import Settings
    from schemas import ComponentHistory

__all__ = [
    "CELLS",
    "HistoryOption",
    "every_history",
    "histories_of",
    "read_histories",
    "sparks_of",
    "with_history",
]

Histories = dict[str, "ComponentHistory"]
HistoryOption = Annotated[
    bool,
    typer.Option(
        "--history/--no-history", help="With time lines on a terminal and in JSON; they are read in full."
    ),
]
CELLS: "dict[Window, int]" = {"hours": 24, "days": 18}  # of 2 hours, and of 5 days


def histories_of(settings: "Settings", ids: "Collection[str]", *, asked: bool) -> Histories | None:
    """Return the time lines of components; None, and a word, where there are none to be had.

    Args:
        settings: where to ask.
        ids: of which components.
        asked: whether anybody will see them; if not, nothing is read and the answer is empty.

    Raises:
        FleetfoldError: no broker, or no service, answers.
    """
    if not ids or not asked:
        return {}
    from processor.errors import TopicsError

    if settings.url:
        from processor.cli.remote import ask_all

        told: Histories | None = ask_all(settings.url, lambda service: service.histories(ids))
        return told
    try:
        return _from_kafka(settings, frozenset(ids))
    except TopicsError as error:
        err_console.print(harmless(f"without time lines: {error}"), style="yellow")
        return None


def every_history(settings: "Settings") -> "list[ComponentHistory]":
    """Return all time lines, in the order of ids.

    Raises:
        FleetfoldError: no broker, or no service, answers; or the service follows none.
    """
    if settings.url:
        from processor.cli.remote import ask_all

        told: list[ComponentHistory] = ask_all(settings.url, lambda service: service.every_history())
        return told
    found = _from_kafka(settings, None)
    return [found[component_id] for component_id in sorted(found)]


def _from_kafka(settings: "Settings", ids: frozenset[str] | None) -> Histories:
    if not err_console.is_terminal:
        return asyncio.run(read_histories(settings, ids))
    with progress("reading time lines") as bar:
        return asyncio.run(read_histories(settings, ids, bar.advance))


async def read_histories(
    settings: "Settings", ids: "Collection[str] | None", on_records: "Callable[[int], None] | None" = None
) -> Histories:
    """Read time lines from Kafka.

    Args:
        settings: where to read.
        ids: of which components; None for all that have one.
        on_records: called with the count of records of each run, for a progress bar.

    Raises:
        TopicsError: no such topic, or no right to read it.
        KafkaUnavailableError: no broker answers.
    """
    from processor.serve.alias import following
    from processor.serve.historyrows import HistoryRows
    from processor.serve.reader import read_topic
    from schemas.topics import COMPONENT_HISTORY

    settings = await following(settings)
    rows = HistoryRows(ids)

    def take(records: list[Any]) -> None:
        rows.put(records)
        if on_records is not None:
            on_records(len(records))

    await read_topic(settings.topic(COMPONENT_HISTORY), settings.kafka_options(), take)
    return {each: rows.history(each) for each in (rows.days if ids is None else ids)}


def sparks_of(histories: "Mapping[str, ComponentHistory]", window: "Window" = "days") -> dict[str, str]:
    """Return for each component how often it failed over 90 days or 48 hours, as a small picture.

    All end with the newest day or hour of any of them, so that they can be compared.
    """
    from processor.serve.timeline import filled, grouped, newest

    end = newest(histories.values(), window)
    return {
        component_id: spark(grouped(filled(history, window, end, "install_failures"), CELLS[window]))
        for component_id, history in histories.items()
    }


def with_history(rows: "Collection[Mapping[str, Any]]", histories: Histories | None) -> list[dict[str, Any]]:
    """Return rows for machines, each with its time line; null where there are none to be had."""
    found = histories or {}

    def told(component_id: str) -> Any:
        history = found.get(component_id)
        return None if history is None else history.model_dump(mode="json")

    return [{**row, "history": told(row["component_id"])} for row in rows]
