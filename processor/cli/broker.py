"""`fleetfold broker`: a real Kafka on this machine until Ctrl-C, its data kept for the next time."""

import json
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from processor.cli.common import JsonOption, Progress, console, err_console, fail, harmless, progress

if TYPE_CHECKING:
    from processor.broker import EmbeddedKafka, OnProgress, StartProgress

__all__ = ["DEFAULT_DATA_DIR", "DEFAULT_PORT", "register", "show_start"]

DEFAULT_DATA_DIR = Path(".fleetfold/kafka")
DEFAULT_PORT = 9092  # what FLEETFOLD_BOOTSTRAP says by default

_MB = 1_000_000


class _AskedToStop(BaseException):  # not an error, and no `except Exception` shall catch it
    """SIGINT or SIGTERM came: the way this command ends well."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(broker)


def broker(
    data_dir: Annotated[
        Path, typer.Option("--data-dir", metavar="D", help="Keeps the data between runs.")
    ] = DEFAULT_DATA_DIR,
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="For clients; 0: any free one.")
    ] = DEFAULT_PORT,
    as_json: JsonOption = False,
) -> None:
    """Run a real Apache Kafka on this machine until Ctrl-C; it needs neither Docker nor Java.

    The first run fetches Kafka's jars (45 MB), checks each against its locked SHA-256, and keeps them.
    """
    from processor.broker import BrokerError, PortTakenError

    try:
        with _asked_to_stop_by_signals(), _started(data_dir, port) as kafka:
            _announce(kafka, as_json=as_json)
            kafka.wait()
    except _AskedToStop:
        where = harmless(str(data_dir.absolute()))
        err_console.print(f"Kafka has stopped; its data lies in {where}")
    except PortTakenError as error:
        fail(f"{error}; choose one with --port, or let --port 0 find a free one")
    except BrokerError as error:
        fail(str(error))  # may have several lines: `fail` shows each harmlessly


@contextmanager
def show_start() -> Iterator["OnProgress"]:
    """Show what the starts within the block are doing, on stderr.

    Yields:
        What to give to `EmbeddedKafka` as `on_progress`.
    """
    with ExitStack() as shown:
        stage = ""
        bar: Progress | None = None

        def on_progress(now: "StartProgress") -> None:
            nonlocal stage, bar
            fetching = now.stage == "fetch"
            label = "fetching Kafka's jars, once (MB)" if fetching else "starting Kafka"
            if label != stage or bar is None:
                shown.close()
                stage = label
                total = now.total_bytes // _MB if fetching else None
                bar = shown.enter_context(progress(label, total))
            if fetching:
                bar.update(completed=now.done_bytes // _MB)

        yield on_progress


@contextmanager
def _started(data_dir: Path, port: int) -> Iterator["EmbeddedKafka"]:
    from processor.broker import EmbeddedKafka

    with show_start() as on_progress:
        kafka = EmbeddedKafka(data_dir, port or None, on_progress=on_progress)
        kafka.start()
    try:
        yield kafka
    finally:
        kafka.stop()


@contextmanager
def _asked_to_stop_by_signals() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into `_AskedToStop`; the stop itself is not broken off by another."""
    asking = (signal.SIGINT, signal.SIGTERM)

    def ask(_number: int, _frame: FrameType | None) -> None:
        for number in asking:
            signal.signal(number, signal.SIG_IGN)
        raise _AskedToStop

    before = {number: signal.signal(number, ask) for number in asking}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _announce(kafka: "EmbeddedKafka", *, as_json: bool) -> None:
    if as_json:  # one line, whatever the terminal: a script reads it while we go on
        ready = {
            "bootstrap": kafka.bootstrap,
            "cluster_id": kafka.cluster_id,
            "data_dir": str(kafka.data_dir),
            "log": str(kafka.log),
            "pid": kafka.pid,
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        return
    console.print(f"Kafka is ready on {kafka.bootstrap}; its data lies in {harmless(str(kafka.data_dir))}")
    console.print(f"\n  export FLEETFOLD_BOOTSTRAP={shlex.quote(kafka.bootstrap)}\n")
    console.print("Ctrl-C stops it.")
    sys.stdout.flush()
