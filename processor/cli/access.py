"""`fleetfold access`: the rights that each part needs: Kafka's own commands, a Strimzi user, or JSON."""

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
_FormatOption = Annotated[
    str, typer.Option("--format", metavar="commands|strimzi", help="What is printed.", show_default=False)
]
_ClusterOption = Annotated[
    str, typer.Option("--cluster", metavar="NAME", help="With strimzi: the name of the Kafka resource.")
]
_AuthenticationOption = Annotated[
    str,
    typer.Option(
        "--authentication",
        metavar="scram-sha-512|tls",
        help="With strimzi: how the user proves itself.",
        show_default=False,
    ),
]
_RateOption = Annotated[
    int,
    typer.Option(
        "--rate-bytes",
        min=0,
        metavar="N",
        help="A quota: bytes a second that the user may write to each broker; 0: none.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("access")(_access)


def _access(  # noqa: PLR0913, PLR0917  # one parameter per option of the command
    role: Annotated[str, typer.Argument(metavar="publisher|reader|worker|verdicts|operator")],
    user: _UserOption,
    form: _FormatOption = "commands",
    cluster: _ClusterOption = "fleetfold",
    authentication: _AuthenticationOption = "scram-sha-512",
    rate_bytes: _RateOption = 0,
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    app_id: _AppIdOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what gives a Kafka user the rights that a part of Fleetfold needs, and no others.

    A publisher publishes; a reader reads results and dead letters; a worker folds; the writer of verdicts
    writes these; an operator makes topics, replays dead letters and corrects.
    """
    from dataclasses import asdict

    from processor.rights import ROLES, acl_commands, quota_command, rights
    from processor.strimzi import AUTHENTICATIONS, as_yaml, kafka_user

    known = next((each for each in ROLES if each == role), None)
    if known is None:
        fail(f"there is no part {harmless(role)!r}: it must be {', '.join(ROLES[:-1])} or {ROLES[-1]}")
    if form not in {"commands", "strimzi"}:
        fail(f"--format {harmless(form)}: it must be commands or strimzi")
    proof = next((each for each in AUTHENTICATIONS if each == authentication), None)
    if proof is None:
        fail(f"--authentication {harmless(authentication)}: it must be {' or '.join(AUTHENTICATIONS)}")
    settings = settings_from(bootstrap, topic_prefix, app_id=app_id)
    if as_json:
        print_json([{"user": user, **asdict(right)} for right in rights(known, settings)])
        return
    if form == "strimzi":
        needed = rights(known, settings)
        manifest = kafka_user(user, needed, cluster=cluster, authentication=proof, rate_bytes=rate_bytes)
        console.print(as_yaml(manifest), soft_wrap=True, highlight=False)
        return
    for line in acl_commands(known, user, settings):
        console.print(harmless(line), soft_wrap=True)
    if rate_bytes:
        console.print(harmless(quota_command(user, rate_bytes, settings)), soft_wrap=True)
