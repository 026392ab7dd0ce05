"""What is measured of one process: wall time, CPU time and peak memory."""

import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Figures", "Stopwatch", "peak_mb"]

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Figures:
    """One job's figures.

    Attributes:
        events: how many were handled.
        wall_s: from the first record to the last commit.
        cpu_s: the process's own, in the same time.
        peak_mb: the process's largest resident set.
    """

    events: int
    wall_s: float
    cpu_s: float
    peak_mb: float

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)


class Stopwatch:
    """Runs from its making, until it is stopped; a later stop counts."""

    def __init__(self) -> None:
        self._wall_s = self._end_wall_s = time.perf_counter()
        self._cpu_s = self._end_cpu_s = time.process_time()

    def stop(self) -> None:
        """Take the time."""
        self._end_wall_s = time.perf_counter()
        self._end_cpu_s = time.process_time()

    def figures(self, events: int) -> Figures:
        """What it took until the last stop."""
        return Figures(
            events=events,
            wall_s=self._end_wall_s - self._wall_s,
            cpu_s=self._end_cpu_s - self._cpu_s,
            peak_mb=peak_mb(),
        )


def peak_mb() -> float:
    """The largest resident set of this process so far, in MiB.

    `ru_maxrss` is the last resort: on Linux a new process inherits it from the one that started it.
    """
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
