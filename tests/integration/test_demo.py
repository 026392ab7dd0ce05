"""`fleetfold demo` as a newcomer runs it: it finds what was planted and leaves nothing behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.waiting import eventually

pytestmark = pytest.mark.kafka


@pytest.fixture
def demo(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A demo that runs, without a terminal, in a folder of its own."""
    clean = {name: value for name, value in os.environ.items() if name != "FLEETFOLD_BOOTSTRAP"}
    command = [sys.executable, "-m", "processor.cli.main", "demo", "--events", "50000"]
    with subprocess.Popen(  # our own command
        [*command, "--data-dir", str(tmp_path / "demo")],
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def children(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process(process.pid).children(recursive=True)
    return found


def is_worker(process: psutil.Process) -> bool:
    try:
        return "worker" in process.cmdline()
    except psutil.NoSuchProcess:  # Kafka's format tool came and went
        return False


async def worker_of(process: "subprocess.Popen[str]") -> psutil.Process:
    """Wait for the demo's worker, and return it."""
    found: list[psutil.Process] = []

    async def runs() -> bool:
        assert process.poll() is None
        found[:] = [child for child in children(process) if is_worker(child)]
        return bool(found)

    await eventually(runs)
    return found[0]


async def all_gone(processes: list[psutil.Process]) -> None:
    async def gone() -> bool:
        return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)

    await eventually(gone, timeout_s=20)


async def test_the_demo_finds_what_was_planted(demo: "subprocess.Popen[str]") -> None:
    """Each event is counted once, every planted conflict is found, and nothing runs on afterwards."""
    await worker_of(demo)
    started = children(demo)
    out, err = await asyncio.to_thread(demo.communicate)
    assert demo.returncode == 0, err
    assert "each event exactly once" in out
    assert "planted conflicts: 8 of 8 found" in out
    (heading,) = (line for line in out.splitlines() if "over 48 hours" in line)
    begin = heading.index("over 48 hours")
    pictures = [line[begin : begin + 24] for line in out.splitlines() if "▁" in line]
    assert len(pictures) == 8
    assert all("█" in picture and set(picture) <= set("▁▂▃▄▅▆▇█") for picture in pictures)
    assert "The data lies in" in out
    assert "publishing a simulated fleet: 50,000 of 50,000" in err
    await all_gone(started)


async def test_a_demo_that_is_told_to_end_cleans_up(demo: "subprocess.Popen[str]") -> None:
    """SIGTERM in the middle stops the worker and Kafka, and the exit code says so."""
    await worker_of(demo)
    started = children(demo)
    demo.send_signal(signal.SIGTERM)
    _, err = await asyncio.to_thread(demo.communicate)
    assert demo.returncode == 143, err
    assert "Traceback" not in err
    await all_gone(started)


async def test_a_killed_demo_leaves_nothing_running(demo: "subprocess.Popen[str]") -> None:
    """Even after SIGKILL neither the worker nor Kafka outlives the demo."""
    await worker_of(demo)
    started = children(demo)
    demo.kill()
    await all_gone(started)


async def test_a_dead_worker_is_reported_with_its_log(demo: "subprocess.Popen[str]") -> None:
    """When the worker dies, the demo says so with the end of its log, exit code 2."""
    worker = await worker_of(demo)
    started = children(demo)
    worker.kill()
    _, err = await asyncio.to_thread(demo.communicate)
    assert demo.returncode == 2, err
    assert "the worker ended with code -9; the end of" in err
    assert "Traceback" not in err
    await all_gone(started)


def test_a_folder_of_something_else_is_never_emptied(tmp_path: Path) -> None:
    """The demo empties only what a demo made."""
    (tmp_path / "thesis.txt").write_text("years of work", "utf-8")
    result = subprocess.run(  # our own command
        [sys.executable, "-m", "processor.cli.main", "demo", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "holds something that no demo made" in result.stderr
    assert (tmp_path / "thesis.txt").exists()
