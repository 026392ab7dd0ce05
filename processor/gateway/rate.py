"""Each caller has so many events a second; who sent more waits until the debt is paid. Pure."""

import math
from collections import OrderedDict

__all__ = ["Rates"]

_BURST_S = 2.0  # what was not sent in the last seconds may be sent at once
_CALLERS_MAX = 100_000


class Rates:
    """How much each caller may still send.

    Args:
        rate: events a second; 0: any number.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # events, and as of when (s)

    def take(self, caller: str, events: int, now_s: float) -> int:
        """Let a caller send events; returns 0, or in how many seconds to come back.

        Whoever has anything left may send a whole request, so that a large one is not refused for ever.
        """
        if not self._rate:
            return 0
        full = self._rate * _BURST_S
        left, as_of_s = self._left.pop(caller, (full, now_s))
        left = min(full, left + (now_s - as_of_s) * self._rate)
        allowed = left > 0
        self._left[caller] = (left - events if allowed else left, now_s)
        if len(self._left) > _CALLERS_MAX:
            self._left.popitem(last=False)
        return 0 if allowed else max(1, math.ceil(-left / self._rate))
