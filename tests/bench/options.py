"""What is run, and how large: the command line, and the sizes that it stands for."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

__all__ = ["FULL", "JOBS", "QUICK", "Options", "Sizes", "parse"]

JOBS = ("throughput", "components", "delay", "partitions", "million", "publish", "serve")
DEFAULT_FOLDER = ".bench"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much each job does.

    Attributes:
        events: for Fleetfold and the ceiling to fold, each round.
        rounds: how often, one after the other in turn.
        quix_events: for Quix Streams; its rate does not grow with more.
        faust_events: for plain Faust; the same.
        components: how many components, one after the other.
        phase_events: folded and timed at each number of components ...
        phases: ... so often.
        duration_s: how long each steady rate is held, after the warm-up.
        rate: events per second of the steady rates.
        rows: hosts, and as many components, that one worker holds.
    """

    events: int
    rounds: int
    quix_events: int
    faust_events: int
    components: tuple[int, ...]
    phase_events: int
    phases: int
    duration_s: float
    rate: int
    rows: int


FULL = Sizes(
    events=4_000_000,
    rounds=3,
    quix_events=150_000,
    faust_events=60_000,
    components=(10_000, 100_000, 1_000_000),
    phase_events=500_000,
    phases=3,
    duration_s=20,
    rate=1000,
    rows=1_000_000,
)
"""Made for a quarter of an hour on 2 idle cores."""

QUICK = Sizes(
    events=400_000,
    rounds=1,
    quix_events=30_000,
    faust_events=6_000,
    components=(10_000, 100_000),
    phase_events=150_000,
    phases=1,
    duration_s=8,
    rate=1000,
    rows=50_000,
)
"""Made for 3 minutes on 2 idle cores; its figures say that something is broken, not how good it is."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for.

    Attributes:
        jobs: which, in the order of JOBS.
        sizes: how much.
        json_file: where the figures go; `-` is standard output, None nowhere.
        plot_folder: where the pictures go, if any are wanted.
    """

    jobs: tuple[str, ...]
    sizes: Sizes
    json_file: str | None
    plot_folder: str | None


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line.

    Args:
        arguments: without the program's name; None: the process's own.

    Raises:
        SystemExit: 2 for what cannot be run, with the reason on standard error; 0 after `--help`.
    """
    given = _parser().parse_args(arguments)
    sizes = QUICK if given.quick else FULL
    names = (*_COUNTS, "components", "duration_s")
    chosen = {name: value for name in names if (value := getattr(given, name)) is not None}
    if given.components is not None:
        chosen["components"] = tuple(sorted(set(given.components)))
    jobs = tuple(job for job in JOBS if given.only is None or job in given.only)
    return Options(jobs, replace(sizes, **chosen), given.json, given.plot)


_COUNTS = {
    "events": "events that Fleetfold and the ceiling fold in each round",
    "rounds": "how often each of the two does",
    "quix_events": "events for Quix Streams",
    "faust_events": "events for plain Faust",
    "phase_events": "events folded at each number of components, each time",
    "phases": "how many times",
    "rate": "events per second of the steady rates",
    "rows": "hosts, and components, that one worker holds",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measures the hot path beside its rivals, on one Kafka, in one run.",
        epilog="Machines are noisy: compare figures of one run, never across runs.",
    )
    jobs = ", ".join(JOBS)
    parser.add_argument("--only", nargs="+", choices=JOBS, metavar="JOB", help=f"run these alone: {jobs}")
    parser.add_argument("--quick", action="store_true", help="small sizes: a few minutes")
    parser.add_argument(
        "--json", metavar="FILE", type=_file, help="write all figures there; -: print them, no table"
    )
    parser.add_argument(
        "--plot",
        metavar="DIR",
        nargs="?",
        const=DEFAULT_FOLDER,
        help=f"draw pictures there (without DIR: {DEFAULT_FOLDER})",
    )
    for name, what in _COUNTS.items():
        _add(parser, name, _positive, "N", what)
    _add(parser, "components", _positive, "N", "how many components", nargs="+")
    _add(parser, "duration_s", _seconds, "S", "how long each steady rate is held")
    return parser


def _add(
    parser: argparse.ArgumentParser,
    name: str,
    read: Callable[[str], float],
    metavar: str,
    what: str,
    nargs: str | None = None,
) -> None:
    """Add the option of one size, with what it is in a full and in a quick run."""
    text = f"{what} ({_text(getattr(FULL, name))}; quick: {_text(getattr(QUICK, name))})"
    parser.add_argument(f"--{name.replace('_', '-')}", type=read, metavar=metavar, nargs=nargs, help=text)


def _text(size: float | tuple[int, ...]) -> str:
    return " ".join(f"{each:,}" for each in (size if isinstance(size, tuple) else (size,)))


def _positive(text: str) -> int:
    """Read a number of something.

    Raises:
        ValueError: it is none; argparse says so.
    """
    number = int(text.replace(",", "").replace("_", ""))
    if number < 1:
        raise ValueError(text)
    return number


def _seconds(text: str) -> float:
    """Read a duration.

    Raises:
        ValueError: it is none, or not above 0; argparse says so.
    """
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number


def _file(name: str) -> str:
    """Return the name of a file that can be written: better known now than after a long run.

    Raises:
        argparse.ArgumentTypeError: its folder is not there, or it is a folder itself.
    """
    path = Path(name)
    if name != "-" and (path.is_dir() or not path.parent.is_dir()):
        raise argparse.ArgumentTypeError(f"{name} cannot be written")
    return name
