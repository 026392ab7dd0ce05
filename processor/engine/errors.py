"""Why a worker ends: each error carries the exit code that tells a supervisor what to do about it."""

from typing import ClassVar

from aiokafka import errors

__all__ = ["EngineError", "LimitError", "RefusedError", "engine_error", "is_refusal"]

# The broker says no and goes on saying no until somebody changes its access rules.
_NO_RIGHT = {
    errors.TopicAuthorizationFailedError: "read or write a topic",
    errors.GroupAuthorizationFailedError: "use the consumer group",
    errors.TransactionalIdAuthorizationFailed: "use the transactional id",
    errors.ClusterAuthorizationFailedError: "do this on the cluster",
}


class EngineError(Exception):
    """Something failed while running; nothing of the batch in hand was committed. A restart may help."""

    exit_code: ClassVar[int] = 1


class RefusedError(EngineError):
    """The worker must not start as things are; the message says what to mend. A restart does not help."""

    exit_code: ClassVar[int] = 2


class LimitError(EngineError):
    """A limit against bad input was passed; the worker stops before it does harm. A restart does not help."""

    exit_code: ClassVar[int] = 3


def engine_error(what: str, error: BaseException) -> EngineError:
    """Return the engine's error for one of the client or of ours, whose cause it is.

    Args:
        what: what failed, and where.
        error: why.
    """
    made: EngineError
    if is_refusal(error):
        right = next(right for kind, right in _NO_RIGHT.items() if isinstance(error, kind))
        made = RefusedError(f"{what}: no right to {right}: {error}")
    else:
        made = EngineError(f"{what}: {error}")
    made.__cause__ = error
    return made


def is_refusal(error: BaseException) -> bool:
    """Whether the broker denies a right."""
    return isinstance(error, tuple(_NO_RIGHT))
