"""Keeps a client that tries again and again from filling the log: the same line passes once in a while."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Damper"]


@dataclass(slots=True)
class _Said:
    at_s: float
    held_back: int = 0


class Damper(logging.Filter):
    """Lets a line pass if none like it passed lately; the next one says how many were held back.

    Args:
        loggers: whose lines, by the start of the logger's name.
        pause_s: how long the same line is held back.
        clock: the time in seconds.
    """

    def __init__(
        self, loggers: tuple[str, ...], pause_s: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._loggers = loggers
        self._pause_s = pause_s
        self._clock = clock
        self._said: dict[tuple[str, str], _Said] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record passes; one that does is told how many were held back before it."""
        if not record.name.startswith(self._loggers) or logging.getLogger().level <= logging.DEBUG:
            return True
        now_s, key = self._clock(), (record.name, str(record.msg))
        said = self._said.get(key)
        if said is not None and now_s - said.at_s < self._pause_s:
            said.held_back += 1
            return False
        self._said[key] = _Said(now_s)
        if said is not None and said.held_back:
            record.msg, record.args = f"{record.getMessage()} (and {said.held_back} more like it)", None
        return True
