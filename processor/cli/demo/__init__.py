"""`fleetfold demo`: real input, a real Kafka and a worker, folded and shown in one go."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]

_DATA_DIR = Path(".fleetfold") / "demo"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(_demo)


def _demo(
    data_dir: Annotated[
        Path,
        typer.Option(
            "--data-dir", metavar="D", help="Where its Kafka keeps the data; emptied at each start."
        ),
    ] = _DATA_DIR,
    events: Annotated[
        int, typer.Option("--events", metavar="N", min=1000, help="How many simulated events to publish.")
    ] = 200_000,
) -> None:
    """Fold this machine's own package log and a simulated fleet with a real Kafka, and show what was found.

    On a terminal it stays until Ctrl-C, so that the other commands can be tried on it.
    """
    from processor.cli.demo.run import run_demo

    raise typer.Exit(run_demo(data_dir, events))
