"""When a dead worker is started again: after a growing pause, and not where a restart cannot help.

Pure: it is told the time and draws chance from what it is given. Each worker is judged by its own deaths, so
that a broker's outage, which ends them all at once, is not taken for many deaths of one.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["FINAL_CODES", "GiveUp", "Limits", "Restart", "Restarts"]

FINAL_CODES = frozenset({2, 3})
"""It cannot work (2), or a limit against bad input was passed (3): the next start would end the same way."""

_DIED_TOO_OFTEN = 1
_PAUSES_MAX = 32  # the pause has long reached its limit; beyond, the power would only grow


@dataclass(frozen=True, slots=True)
class Limits:
    """What a supervisor puts up with.

    Attributes:
        deaths: this many deaths of one worker within `window_s` end all; 0: never.
        window_s: how far back deaths count. A worker that lived longer begins anew with a short pause.
        pause_first_s: the pause after a first death; it doubles with each further one,
        pause_max_s: up to this.
    """

    deaths: int = 5
    window_s: float = 60.0
    pause_first_s: float = 0.5
    pause_max_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Restart:
    """Start the worker again after a pause."""

    pause_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Stop everything, with this exit code and this reason."""

    code: int
    why: str


class Restarts:
    """Remembers deaths and decides.

    Args:
        limits: what is put up with.
        chance: returns a number from 0 to 1, drawn anew with each call. It spreads the pauses, so that
            workers that died together do not all come back in the same moment.
    """

    def __init__(self, limits: Limits, chance: Callable[[], float]) -> None:
        self._limits = limits
        self._chance = chance
        self._deaths_s: defaultdict[int, list[float]] = defaultdict(list)

    def on_death(self, worker: int, code: int, now_s: float) -> Restart | GiveUp:
        """Decide what follows the end of a worker that nobody had asked to stop.

        Args:
            worker: its number.
            code: its exit code; negative for a signal.
            now_s: when, by a clock that never goes back.
        """
        if code in FINAL_CODES:
            return GiveUp(code, f"worker {worker} ended with code {code}, which a restart does not mend")
        limits = self._limits
        recent = [at_s for at_s in self._deaths_s[worker] if now_s - at_s < limits.window_s]
        recent.append(now_s)
        self._deaths_s[worker] = recent
        if limits.deaths and len(recent) >= limits.deaths:
            times = f"{len(recent)} times within {limits.window_s:g} s"
            return GiveUp(_DIED_TOO_OFTEN, f"worker {worker} died {times}, last with code {code}")
        doubled_s = limits.pause_first_s * 2 ** min(len(recent) - 1, _PAUSES_MAX)
        return Restart(min(doubled_s, limits.pause_max_s) * (0.5 + self._chance() / 2))
