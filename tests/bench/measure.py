"""What is measured of one process: wall time, CPU time and peak memory."""

import resource
import time
from dataclasses import asdict, dataclass

__all__ = ["Figures", "Stopwatch"]


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
    """Runs from its making."""

    def __init__(self) -> None:
        self._wall_s = time.perf_counter()
        self._cpu_s = time.process_time()

    def figures(self, events: int) -> Figures:
        """What it took until now."""
        return Figures(
            events=events,
            wall_s=time.perf_counter() - self._wall_s,
            cpu_s=time.process_time() - self._cpu_s,
            peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        )
