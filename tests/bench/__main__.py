"""Runs the benchmark: `python -m tests.bench [--quick] [--only JOB ...] [--json FILE] [--plot [DIR]]`.

Everything runs on one embedded broker, one job after the other, each in a process of its own. Machines are
noisy: compare figures of one run, never across runs.

Exit codes: 0 all was measured, and counted right; 1 a count was wrong or a job failed; 2 it cannot run.
"""

import json
import logging
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from processor.broker import EmbeddedKafka
from processor.broker.errors import BrokerError
from tests.bench.counts import failures, miscounts
from tests.bench.growth import growth
from tests.bench.machine import machine
from tests.bench.million import million
from tests.bench.options import Options, parse
from tests.bench.plots import draw
from tests.bench.processes import JobFailedError
from tests.bench.publishing import publishing
from tests.bench.report import report
from tests.bench.rivals import is_missing
from tests.bench.run import Figures, Run
from tests.bench.serve_job import serving
from tests.bench.steady import steady
from tests.bench.throughput import throughput

FEW_PARTITIONS, MANY_PARTITIONS = 4, 64
JOBS = {
    "throughput": throughput,
    "components": growth,
    "delay": lambda run: steady(run, FEW_PARTITIONS),
    "partitions": lambda run: steady(run, MANY_PARTITIONS),
    "million": million,
    "publish": publishing,
    "serve": serving,
}


def main() -> int:
    """Run what is asked for, and print it; the exit code."""
    options = parse()
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # a new topic's leader is asked for again and again
    signal.signal(signal.SIGTERM, _stop)
    if options.plot_folder and is_missing("matplotlib"):
        print("pictures need matplotlib: pip install '.[bench]'", file=sys.stderr)  # noqa: T201 -- to the user
        return 2
    try:
        figures = _measure(options)
    except BrokerError as error:
        print(f"the benchmark cannot go on: {error}", file=sys.stderr)  # noqa: T201 -- to the user
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)  # noqa: T201 -- to the user
        return 130
    if options.json_file and options.json_file != "-":
        Path(options.json_file).write_text(json.dumps(figures, indent=1), encoding="utf-8")
    print(json.dumps(figures) if options.json_file == "-" else report(figures))  # noqa: T201 -- the answer
    if options.plot_folder:
        for path in draw(figures, Path(options.plot_folder)):
            print(f"drew {path}", file=sys.stderr)  # noqa: T201 -- progress
    return 1 if miscounts(figures) or failures(figures) else 0


def _measure(options: Options) -> Figures:
    """Run the jobs; one that fails does not take the others' figures with it."""
    figures: Figures = {"machine": machine()}
    with EmbeddedKafka() as kafka:
        run = Run(kafka.bootstrap, kafka.pid, options.sizes)
        for job in options.jobs:
            try:
                figures[job] = JOBS[job](run)
            except JobFailedError as error:
                run.say(f"{job} failed: {error}")
                figures.setdefault("failed", {})[job] = str(error)
        run.say("done")
    return figures


def _stop(number: int, _: FrameType | None) -> NoReturn:
    """Leave by an exception, so that the broker and the jobs are stopped on the way."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
