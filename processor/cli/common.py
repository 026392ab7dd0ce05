"""What every command shares: the same options, the same way to fail, the same way to print."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from processor.cli.output import console, err_console, harmless, print_json, print_table
from processor.cli.progress import Progress, progress

if TYPE_CHECKING:
    from processor.settings import Settings

__all__ = [
    "BootstrapOption",
    "JsonOption",
    "PrefixOption",
    "Progress",
    "ReasonOption",
    "UrlOption",
    "complain",
    "console",
    "err_console",
    "fail",
    "harmless",
    "print_json",
    "print_table",
    "progress",
    "query_settings",
    "settings_from",
]

BootstrapOption = Annotated[
    str | None,
    typer.Option(
        "--bootstrap",
        metavar="HOST:PORT,...",
        help="The Kafka to use, instead of FLEETFOLD_BOOTSTRAP.",
        show_default=False,
    ),
]
PrefixOption = Annotated[
    str | None,
    typer.Option(
        "--topic-prefix",
        metavar="PREFIX",
        help="What stands before each topic's name, instead of FLEETFOLD_TOPIC_PREFIX.",
        show_default=False,
    ),
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="Ask this service in place of Kafka, instead of FLEETFOLD_URL.",
        show_default=False,
    ),
]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; for the audit.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def fail(message: str, code: int = 2) -> NoReturn:
    """End the command: one clear line on stderr, then the exit code.

    Args:
        message: what went wrong, where, and what would mend it, in as few lines as that takes; an id
            in it must be `harmless` before.
        code: 1 when the answer is no or data was bad, 2 when it cannot work.

    Raises:
        typer.Exit: always.
    """
    complain(message)
    raise typer.Exit(code)


def complain(message: str) -> None:
    """Print why something failed on stderr; line by line, so that none can move the cursor."""
    for line in message.split("\n"):
        err_console.print(line if line.isprintable() else harmless(line), style="red")


def settings_from(
    bootstrap: str | None = None, topic_prefix: str | None = None, **overrides: Any
) -> "Settings":
    """Return the settings: flags before environment before `.env` before defaults.

    A flag that was not given is None and changes nothing. Unknown FLEETFOLD_ variables are warned of
    on stderr.

    Raises:
        SettingsError: a value cannot work; the text names the setting and what is allowed.
    """
    from processor.settings import load_settings, unknown_variables

    for warning in unknown_variables():
        err_console.print(harmless(warning), style="yellow")
    given = {"bootstrap": bootstrap, "topic_prefix": topic_prefix, **overrides}
    return load_settings(**{name: value for name, value in given.items() if value is not None})


def query_settings(
    bootstrap: str | None, topic_prefix: str | None, url: str | None, *, moves: bool = False
) -> "Settings":
    """Return the settings of a query: a Kafka that is named wins over a service that is only set.

    Args:
        bootstrap: as given.
        topic_prefix: as given.
        url: as given.
        moves: whether the query goes on for long, and follows the live generation by itself; else the
            settings name the generation that is live now.

    Raises:
        SettingsError: as `settings_from`.
        KafkaUnavailableError: no broker answers.
    """
    if bootstrap is not None and url is None:
        url = ""
    settings = settings_from(bootstrap, topic_prefix, url=url)
    if moves or settings.url or settings.generation:
        return settings
    from processor.serve.alias import following

    return asyncio.run(following(settings))
