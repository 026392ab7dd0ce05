"""The one command, `fleetfold`: each part of the command line registers itself here.

Exit codes: 0 done; 1 the answer is no, or data was bad; 2 it cannot work; 130 stopped by Ctrl-C. An
expected failure is one clear line on stderr; only a bug shows a traceback.
"""

import logging
import sys
import traceback
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from processor.cli import (
    access,
    broker,
    correcting,
    deadletters,
    demo,
    explain,
    exporting,
    gate,
    gateway,
    generations,
    health,
    history,
    importing,
    override,
    publish,
    queries,
    rebuild,
    serving,
    simulate,
    top,
    topics,
    verdicts,
    worker,
)
from processor.cli.common import complain, console
from processor.errors import FleetfoldError

__all__ = ["app", "main"]

_CANNOT_WORK = 2
_INTERRUPTED = 130

app = typer.Typer(
    name="fleetfold",
    help="Folds what happens to components on a fleet of machines into live, exact answers, on Kafka.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        console.print(f"fleetfold {version('fleetfold')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Folds what happens to components on a fleet of machines into live, exact answers, on Kafka."""


for _part in (
    demo,
    broker,
    topics,
    access,
    worker,
    verdicts,
    rebuild,
    generations,
    serving,
    publish,
    gateway,
    health,
    importing,
    simulate,
    queries,
    history,
    explain,
    gate,
    override,
    top,
    exporting,
    deadletters,
    correcting,
):
    _part.register(app)


def main() -> NoReturn:
    """Run the command line; never returns, and never shows a traceback for an expected failure."""
    # A library's warning is not the one clear line that we promise; a worker sets up its own logging.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # both are text files here
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except FleetfoldError as error:
        complain(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        complain(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""))
        sys.exit(_CANNOT_WORK)
    except Exception as error:  # noqa: BLE001  # the last place that can tell; it hides nothing
        sys.exit(_unexpected(error))
    sys.exit(0)


def _unexpected(error: Exception) -> int:
    """Show an error that no command expected, and return its exit code."""
    from aiokafka.errors import KafkaError

    if isinstance(error, KafkaError):
        complain(f"Kafka: {error or type(error).__name__}")
        return _CANNOT_WORK
    traceback.print_exc()
    complain("This is a bug in Fleetfold, not in your input.")
    return _CANNOT_WORK


if __name__ == "__main__":
    main()
