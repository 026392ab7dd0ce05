"""Code that installs something reports by itself how that went, and behaves as if nobody watched.

A block that ends is a success, one that raises a failure with the exception's type and redacted message.
What does not speak of the component is not reported: Ctrl-C, a task that is cancelled, a generator that is
closed.
"""

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, cast

from schemas import OutcomeType

__all__ = ["Installing"]

P = ParamSpec("P")
R = TypeVar("R")
Report = Callable[[str, str, str], object]

_LOG = logging.getLogger("fleetfold.publish")
_NO_VERDICT = (KeyboardInterrupt, GeneratorExit, asyncio.CancelledError)


class Installing:
    """A context manager (`with`, `async with`) and a decorator of functions and coroutine functions.

    Args:
        report: takes component id, outcome type and context, and returns at once.
        component_id: what is installed.
        context: what a success says; a failure says what was raised.
    """

    def __init__(self, report: Report, component_id: str, context: str = "") -> None:
        self._report = report
        self._component_id = component_id
        self._context = context

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None or _is_clean_exit(error):
            self._say(OutcomeType.INSTALL_SUCCESS, self._context)
        elif not issubclass(kind, _NO_VERDICT):
            self._say(OutcomeType.INSTALL_FAILURE, _words_of(kind, error))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function, each call of which is reported."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def reported(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return await function(*args, **kwargs)

            return cast("Callable[P, R]", reported)

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                return function(*args, **kwargs)

        return called

    def _say(self, outcome_type: OutcomeType, context: str) -> None:
        try:
            self._report(self._component_id, outcome_type, context)
        except Exception:  # noqa: BLE001  # whatever it is, the install is not to blame
            _LOG.exception("an outcome of %r was not reported", self._component_id)


def _is_clean_exit(error: BaseException | None) -> bool:
    return isinstance(error, SystemExit) and error.code in {None, 0}


def _words_of(kind: type[BaseException], error: BaseException | None) -> str:
    """Return an exception's type and message; one whose message cannot be had has only its type."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  # the installer's own exception class is broken; its type says enough
        text = ""
    return f"{kind.__name__}: {text}" if text else kind.__name__
