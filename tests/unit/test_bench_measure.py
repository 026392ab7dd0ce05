"""What the benchmark measures of a process."""

import subprocess
import sys

import pytest

from tests.bench.measure import Stopwatch, peak_mb
from tests.bench.processes import JobFailedError, run_job

LARGE_MB = 300


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel keeps no high-water mark to read")
def test_peak_memory_is_the_process_s_own() -> None:
    """What a large process starts is small, though its ru_maxrss is not."""
    ballast = bytearray(LARGE_MB * 1024 * 1024)
    ballast[::4096] = b"x" * len(ballast[::4096])
    assert peak_mb() > LARGE_MB
    command = [sys.executable, "-c", "from tests.bench.measure import peak_mb; print(peak_mb())"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 0 < float(done.stdout) < LARGE_MB / 2


def test_a_later_stop_counts() -> None:
    """Time runs to the last commit, not to the moment at which somebody looked."""
    watch = Stopwatch()
    assert watch.figures(1).wall_s == 0
    watch.stop()
    first = watch.figures(1).wall_s
    assert watch.figures(1).wall_s == first
    watch.stop()
    assert watch.figures(2).wall_s >= first


def test_a_job_that_fails_gives_its_last_words() -> None:
    """A rival's traceback ends in the table, as one line."""
    with pytest.raises(JobFailedError, match=r"^ceiling ended with exit code 1: IndexError"):
        run_job("ceiling")
