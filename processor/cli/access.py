"""`fleetfold access`: the rights that each part needs, as a table or as Kafka's own commands."""

from typing import Annotated

import typer

from processor.cli.common import (
    BootstrapOption,
    JsonOption,
    PrefixOption,
    console,
    fail,
    harmless,
    print_json,
    settings_from,
)

__all__ = ["register"]

_UserOption = Annotated[str, typer.Option("--user", metavar="NAME", help="Who gets the rights.")]
_AppIdOption = Annotated[
    str | None,
    typer.Option("--app-id", help="The workers' group, instead of FLEETFOLD_APP_ID.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("access")(_access)


def _access(
    role: Annotated[str, typer.Argument(metavar="publisher|reader|worker|verdicts")],
    user: _UserOption,
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    app_id: _AppIdOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the commands that give a Kafka user what a part of Fleetfold needs, and nothing else."""
    from dataclasses import asdict

    from processor.rights import ROLES, acl_commands, rights

    known = next((each for each in ROLES if each == role), None)
    if known is None:
        fail(f"there is no part {harmless(role)!r}: it must be {', '.join(ROLES[:-1])} or {ROLES[-1]}")
    settings = settings_from(bootstrap, topic_prefix, app_id=app_id)
    if as_json:
        print_json([{"user": user, **asdict(right)} for right in rights(known, settings)])
        return
    for line in acl_commands(known, user, settings):
        console.print(harmless(line), soft_wrap=True)
