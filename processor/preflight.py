"""Before a worker starts: the broker answers, and the topics are as they must be.

A broker that does not answer may come back, so it is waited for, and said once. Topics that do not fit, a
password that is refused and the like stay so until someone mends them: the start ends with their line.
"""

import asyncio
import logging
import time

from aiokafka.errors import KafkaError

from processor.errors import KafkaRefusedError, KafkaUnavailableError, TopicsError
from processor.logs import quiet_clients
from processor.reach import refusal
from processor.settings import Settings
from processor.topics import verify

__all__ = ["check", "check_admission", "may_pass"]

logger = logging.getLogger(__name__)

_PAUSE_FIRST_S = 0.25
_PAUSE_MAX_S = 5.0


async def check(settings: Settings, patience_s: float | None) -> None:
    """Return once the broker answers and the topics fit.

    Args:
        settings: the broker, the topics.
        patience_s: how long to wait for a broker that does not answer; None: for ever.

    Raises:
        KafkaUnavailableError: no broker answered in time, or it turns us away.
        TopicsError: topics do not fit, a line for each; or we have no right to see them.
    """
    with quiet_clients():
        problems = await _patiently(settings, patience_s)
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise TopicsError(f"the topics are not as they must be:\n{lines}")


async def _patiently(settings: Settings, patience_s: float | None) -> list[str]:
    begin_s = time.monotonic()
    pause_s = _PAUSE_FIRST_S
    told = False
    while True:
        try:
            return [str(problem) for problem in await verify(settings)]
        except KafkaUnavailableError as error:
            left_s = None if patience_s is None else begin_s + patience_s - time.monotonic()
            if not may_pass(error) or (left_s is not None and left_s <= 0):
                raise
            if not told:
                until = "until it does" if left_s is None else f"for {left_s:.0f} s"
                logger.warning("%s; trying again %s", error, until)
                told = True
            await asyncio.sleep(pause_s if left_s is None else min(pause_s, left_s))
            pause_s = min(pause_s * 2, _PAUSE_MAX_S)


async def check_admission(settings: Settings) -> None:
    """Return unless a broker turns us away; one that does not answer now may do so later.

    Raises:
        KafkaRefusedError: it does, and will do so until a setting is mended.
    """
    if (reason := await refusal(settings.kafka_options())) is not None:
        raise KafkaRefusedError(reason)


def may_pass(error: KafkaUnavailableError) -> bool:
    """Tell whether the same attempt may succeed later: nobody answered, or the broker is busy with itself."""
    cause = error.__cause__
    if isinstance(error, KafkaRefusedError):
        return False
    return isinstance(cause, OSError) or (isinstance(cause, KafkaError) and bool(cause.retriable))
