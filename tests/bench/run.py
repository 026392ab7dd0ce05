"""One run of the benchmark: the broker that all jobs share, and what they need to know."""

import sys
import time
from dataclasses import dataclass, field
from typing import Any

from processor.settings import Settings, load_settings
from tests.bench.options import Sizes

__all__ = ["Figures", "Run"]

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """What each job is given.

    Attributes:
        bootstrap: the broker.
        broker_pid: its process.
        sizes: how much to do.
        started_s: when the run began, for its progress.
    """

    bootstrap: str
    broker_pid: int
    sizes: Sizes
    started_s: float = field(default_factory=time.perf_counter)

    def settings(self, job: str, **changes: Any) -> Settings:
        """The settings of one job: topics and a group of its own."""
        chosen = {"topic_prefix": f"{job}-", "app_id": f"{job}-bench", **changes}
        return load_settings(bootstrap=self.bootstrap, **chosen)

    def say(self, what: str) -> None:
        """Tell on standard error what is under way."""
        elapsed_s = time.perf_counter() - self.started_s
        print(f"[{elapsed_s:6.1f} s] {what}", file=sys.stderr, flush=True)  # noqa: T201 -- progress
