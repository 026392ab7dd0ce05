"""Workers as real processes, and comparing what they leave behind with the oracle."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from processor.domain.partition import partition_of
from processor.settings import Settings
from schemas.cofailure import parse_pair_key
from schemas.history import parse_history_key
from schemas.topics import CO_FAILURES, COMPONENT_HISTORY, COMPONENT_STATS, FLEET_TOTALS
from tests.oracle import Event, history_of, oracle, totals_of
from tests.settled import read_rows

__all__ = ["Workers", "compare_with_oracle"]


class Workers:
    """The worker processes of one test; all are gone when the test ends.

    Args:
        settings: what the workers are told through their environment.
        folder: for their logs.
        environment: further variables.
    """

    def __init__(self, settings: Settings, folder: Path, **environment: str) -> None:
        self._folder = folder
        self._environment = os.environ | {
            "FLEETFOLD_BOOTSTRAP": settings.bootstrap,
            "FLEETFOLD_TOPIC_PREFIX": settings.topic_prefix,
            "FLEETFOLD_APP_ID": settings.app_id,
            "FLEETFOLD_SESSION_TIMEOUT_S": str(settings.session_timeout_s),
            "FLEETFOLD_HEARTBEAT_INTERVAL_S": str(settings.heartbeat_interval_s),
            **environment,
        }
        self.running: list[subprocess.Popen[bytes]] = []
        self.started = 0

    def start(self) -> subprocess.Popen[bytes]:
        """Start one more worker."""
        log = self._folder / f"worker-{self.started}.log"
        self.started += 1
        with log.open("wb") as output:
            command = [sys.executable, "-m", "processor.cli.main", "worker"]
            worker = subprocess.Popen(command, env=self._environment, stdout=output, stderr=subprocess.STDOUT)
        self.running.append(worker)
        return worker

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill a worker with SIGKILL: it can do nothing more."""
        self.running.remove(worker)
        worker.kill()
        worker.wait()

    def stop(self, worker: subprocess.Popen[bytes], timeout_s: float = 10) -> int:
        """Stop a worker with SIGTERM and return its exit code."""
        self.running.remove(worker)
        worker.send_signal(signal.SIGTERM)
        return worker.wait(timeout_s)

    def logs(self) -> str:
        """What all workers logged, for a failed test."""
        return "\n".join(path.read_text() for path in sorted(self._folder.glob("worker-*.log")))

    @contextlib.contextmanager
    def all_stopped(self) -> Iterator["Workers"]:
        """Leave no process behind, whatever the test does."""
        try:
            yield self
        finally:
            for worker in self.running:
                worker.kill()
                worker.wait()


async def compare_with_oracle(
    settings: Settings, published: Iterable[Sequence[bytes]], **rules: Any
) -> dict[str, int]:
    """Assert that every row of every result equals the oracle's.

    Args:
        settings: where the results are.
        published: keys and values as they were published, in order.
        rules: of the fold, as `oracle` takes them.

    Returns:
        How many events, rows, days and pairs were compared.
    """
    events: list[Event] = [orjson.loads(value) for _, value in published]
    expected_rows, expected_pairs = oracle(events, **rules)
    rows: dict[str, dict[str, Any]] = {
        key.decode(): orjson.loads(value)
        for key, value in (await read_rows(settings, COMPONENT_STATS)).items()
    }
    pairs = {
        parse_pair_key(key): orjson.loads(value)["count"]
        for key, value in (await read_rows(settings, CO_FAILURES)).items()
    }
    days = {
        parse_history_key(key): orjson.loads(value)
        for key, value in (await read_rows(settings, COMPONENT_HISTORY)).items()
    }
    totals = {
        int(key): orjson.loads(value) for key, value in (await read_rows(settings, FLEET_TOTALS)).items()
    }
    assert rows == expected_rows
    assert pairs == expected_pairs
    assert days == history_of(events)
    home = settings.partitions
    assert totals == totals_of(events, lambda host: partition_of(host.encode(), home), **rules)
    return {"events": len(events), "rows": len(rows), "days": len(days), "pairs": len(pairs)}
