"""Every event is one line on standard error, in UTC: `structlog` renders what the standard library collects.

The engine and the libraries log with `logging`, as libraries do; fields come with `extra={...}`. As text a
field stands as `name=value` behind the event, as JSON beside it; a field `detail` holds for machines what the
event's own words say, and is left out of the text. No character of a line can move the cursor.
Supervised workers always log JSON to their supervisor, which adds the worker's number and shows the line in
the format that was asked for, by `relayed`.
"""

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TextIO

import structlog

from processor.damper import Damper

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["LogFormat", "level_of", "message_of", "quiet_clients", "relayed", "set_up_logging"]

LogFormat = Literal["text", "json"]

_CLIENTS = ("aiokafka", "faust", "mode")
"""They tell each step of theirs at INFO; the engine says what matters in a line of its own."""

_HARMLESS = {
    # The first member of a group comes before the broker has made the topic that keeps its offsets.
    ("aiokafka.consumer.group_coordinator", "Group Coordinator Request failed: %s"),
}
"""Logger and message of what a client calls an error and mends by itself."""

_MODE = "[^"
_MODE_CRASHED = "Crashed reason="
"""What Faust's services say under their classes' names; why one crashed, the engine says in its own line."""

_QUIETING = threading.Lock()
_LEVELS: list[int] = []
"""The client's level as each who keeps it quiet just now found it: the first one's is its own."""


def set_up_logging(level: str, log_format: LogFormat, stream: TextIO | None = None) -> None:
    """Send all that is logged in this process to one stream, in one form.

    Args:
        level: DEBUG, INFO, WARNING or ERROR.
        log_format: text for people (coloured on a terminal), or json: one object a line.
        stream: where to; standard error by default.
    """
    target = stream or sys.stderr
    before: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(log_format, colours=target.isatty()),
            ],
        )
    )
    handler.addFilter(_worth_a_line)
    handler.addFilter(Damper(_CLIENTS))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _CLIENTS:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level) if level != "DEBUG" else "DEBUG")
    logging.captureWarnings(capture=True)


@contextmanager
def quiet_clients() -> Iterator[None]:
    """Keep the Kafka client from telling of each attempt while we make them and say so ourselves.

    Several may do so at a time, in tasks and threads; the last to end lets it speak again.
    """
    logger = logging.getLogger("aiokafka")
    with _QUIETING:
        quiet = bool(_LEVELS) or not logger.isEnabledFor(logging.DEBUG)
        if quiet:
            _LEVELS.append(logger.level)
            logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        if quiet:
            with _QUIETING:
                first = _LEVELS[0]
                _LEVELS.pop()
                if not _LEVELS:
                    logger.setLevel(first)


def relayed(log_format: LogFormat, *, colours: bool = False) -> Callable[[str, int], str]:
    """Return what turns a worker's line and its number into the supervisor's line.

    Args:
        log_format: the form to show it in.
        colours: whether a terminal shows it.
    """
    render = _renderers(log_format, colours=colours)

    def relay(line: str, worker: int) -> str:
        found = _parsed(line) or {"level": "error", "event": line}
        event: Any = {**found, "worker": worker}
        for processor in render:
            event = processor(None, "", event)
        return str(event)

    return relay


def level_of(line: str) -> str:
    """Return how grave a worker's line is, as `logging` names it; what is no log is an error."""
    found = _parsed(line)
    return "error" if found is None else str(found.get("level", ""))


def message_of(line: str) -> str | None:
    """Return what a worker's line says if it tells of an error, else None; what is no log tells of one."""
    found = _parsed(line)
    if found is None:
        return line.strip() or None
    return str(found.get("event", "")) if found.get("level") in {"error", "critical"} else None


def _parsed(line: str) -> dict[str, Any] | None:
    """Return a JSON line's event, or None if it is none: an interpreter that crashes writes plain text."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "event" in found else None


def _renderers(log_format: LogFormat, *, colours: bool) -> "list[Processor]":
    if log_format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    console = structlog.dev.ConsoleRenderer(
        colors=colours, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
    )
    return [_without_detail, _harmless, console]


def _worth_a_line(record: logging.LogRecord) -> bool:
    """Tell whether a record is more than a client's passing trouble, or a library's word on what we say."""
    if logging.getLogger().level <= logging.DEBUG:
        return True
    text = str(record.msg)
    if text.startswith(_MODE):
        return record.levelno >= logging.WARNING and _MODE_CRASHED not in text
    return (record.name, text) not in _HARMLESS


def _without_detail(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    """Take away what a person needs not: our own modules' names, and fields that the event says already."""
    event.pop("detail", None)
    if str(event.get("logger", "")).startswith("processor."):
        del event["logger"]
    return event


def _harmless(_logger: "WrappedLogger", _method: str, event: MutableMapping[str, Any]) -> "EventDict":
    """Escape what could mislead a terminal or break the line; tracebacks keep their lines."""
    return {
        name: _escaped(value) if isinstance(value, str) and name not in {"exception", "stack"} else value
        for name, value in event.items()
    }


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
