"""Why a worker ends: each error carries the exit code that tells a supervisor what to do about it."""

from typing import ClassVar

__all__ = ["EngineError", "LimitError", "RefusedError"]


class EngineError(Exception):
    """Something failed while running; nothing of the batch in hand was committed. A restart may help."""

    exit_code: ClassVar[int] = 1


class RefusedError(EngineError):
    """The worker must not start as things are; the message says what to mend. A restart does not help."""

    exit_code: ClassVar[int] = 2


class LimitError(EngineError):
    """A limit against bad input was passed; the worker stops before it does harm. A restart does not help."""

    exit_code: ClassVar[int] = 3
