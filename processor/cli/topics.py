"""`fleetfold topics`: make what is missing, and say what is wrong."""

import asyncio
from typing import Annotated

import typer

from processor.cli.common import (
    BootstrapOption,
    JsonOption,
    PrefixOption,
    console,
    harmless,
    print_json,
    settings_from,
)

__all__ = ["register"]

_PartitionsOption = Annotated[
    int | None,
    typer.Option("--partitions", metavar="N", help="Partitions of each topic (FLEETFOLD_PARTITIONS)."),
]
_CopiesOption = Annotated[
    int | None,
    typer.Option(
        "--replication-factor", metavar="N", help="Copies of each topic (FLEETFOLD_REPLICATION_FACTOR)."
    ),
]


def register(app: typer.Typer) -> None:
    """Add `topics create` and `topics verify`."""
    topics = typer.Typer(help="Create and check the topics.", no_args_is_help=True)
    topics.command("create")(_create)
    topics.command("verify")(_verify)
    app.add_typer(topics, name="topics")


def _create(
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    partitions: _PartitionsOption = None,
    replication_factor: _CopiesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create the topics that are missing; an existing one is never changed."""
    from processor.settings import load_settings
    from processor.topics import create

    asked = {"partitions": partitions, "replication_factor": replication_factor}
    settings = settings_from(bootstrap, topic_prefix, **asked)
    created = asyncio.run(create(settings))
    if as_json:
        print_json({"created": created, "partitions": settings.partitions})
        return
    for name in created:
        console.print(f"created {harmless(name)}")
    if not created:
        console.print("all topics exist already")
    if partitions is not None and load_settings().partitions != partitions:
        console.print(f"start the workers with FLEETFOLD_PARTITIONS={partitions}")


def _verify(
    bootstrap: BootstrapOption = None, topic_prefix: PrefixOption = None, as_json: JsonOption = False
) -> None:
    """Compare the topics with what a worker needs; exit code 1 when something is wrong."""
    from processor.topics import verify

    settings = settings_from(bootstrap, topic_prefix)
    problems = asyncio.run(verify(settings))
    if as_json:
        print_json([{"topic": p.topic, "problem": p.what, "mend": p.mend} for p in problems])
    elif problems:
        for problem in problems:
            console.print(harmless(str(problem)))
    else:
        console.print(f"all topics on {harmless(settings.bootstrap)} are as they should be")
    if problems:
        raise typer.Exit(1)
