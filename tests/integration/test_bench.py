"""The benchmark itself, tiny, on a broker of its own: what it counts, never how fast."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.bench.rivals import is_missing
from tests.processes import wait_until_gone

pytestmark = pytest.mark.kafka

EVENTS, QUIX_EVENTS, FAUST_EVENTS, PHASE_EVENTS, ROWS = 4000, 800, 400, 1000, 2000
TINY = {
    "--only": "throughput components delay million",
    "--events": EVENTS,
    "--rounds": 2,
    "--quix-events": QUIX_EVENTS,
    "--faust-events": FAUST_EVENTS,
    "--components": 200,
    "--phase-events": PHASE_EVENTS,
    "--phases": 2,
    "--duration-s": 1,
    "--rate": 100,
    "--rows": ROWS,
}


def test_every_job_counts_what_was_published(tmp_path: Path) -> None:
    """Each job works and counts each event once: Fleetfold in every round, the rivals as well."""
    file = tmp_path / "figures.json"
    options = [word for name, value in TINY.items() for word in (name, *str(value).split())]
    command = [sys.executable, "-m", "tests.bench", *options, "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Beside what is wanted" in done.stdout
    figures = json.loads(file.read_text())

    jobs = figures["throughput"]
    assert counts(jobs["ceiling"]) == counts(jobs["fleetfold"]) == [(EVENTS, EVENTS)] * 2
    assert all(each["folded"] + each["duplicates"] == EVENTS for each in jobs["fleetfold"])
    assert jobs["fleetfold"][0]["rows"] == jobs["fleetfold"][1]["rows"]
    assert counts(jobs["plain_faust"]) == [(FAUST_EVENTS, FAUST_EVENTS)]

    (size,) = figures["components"]["sizes"]
    assert counts(size["fleetfold"]) == [(PHASE_EVENTS, PHASE_EVENTS)] * 2
    assert size["fleetfold"][0]["rows"]["component-stats"] == 200
    assert counts(size["plain_faust"]) == [(FAUST_EVENTS // 2, FAUST_EVENTS // 2)]

    for rounds, events in ((jobs["quix"], QUIX_EVENTS), (size["quix"], QUIX_EVENTS // 2)):
        if is_missing("quixstreams"):  # the report says so; `make bench` installs it
            assert "not installed" in rounds[0]["missing"]
        else:
            assert counts(rounds) == [(events, events)]

    assert counts([figures["delay"]]) == [(400, 400)]
    for fleet in figures["million"]["fleets"]:
        assert counts([fleet]) == [(ROWS // 4, ROWS // 4)]
        assert fleet["restore"]["records"] >= 2 * ROWS
        assert fleet["rows"]["host-ledger"] == fleet["rows"]["component-stats"] == ROWS


def test_sigterm_leaves_nothing_behind() -> None:
    """A run that is stopped in the middle stops its broker and its jobs."""
    command = [
        sys.executable,
        "-m",
        "tests.bench",
        "--only",
        "throughput",
        "--events",
        "3000",
        "--rounds",
        "50",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as bench:
        assert bench.stderr is not None
        assert any("round 1 of 50: Fleetfold" in line for line in bench.stderr)
        started = psutil.Process(bench.pid).children(recursive=True)
        bench.terminate()
        assert bench.wait(60) == 128 + signal.SIGTERM
    assert len(started) > 1
    wait_until_gone(*started)


def counts(rounds: list[dict[str, int]]) -> list[tuple[int, int]]:
    """Events published and events counted, of each round."""
    return [(each["events"], each["counted"]) for each in rounds]
