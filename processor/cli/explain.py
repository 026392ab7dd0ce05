"""`fleetfold explain`: what is held against components, and the numbers behind it."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from processor.cli.common import (
    BootstrapOption,
    JsonOption,
    PrefixOption,
    UrlOption,
    console,
    harmless,
    print_json,
    query_settings,
)

if TYPE_CHECKING:
    from schemas.overrides import HeldVerdict

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explain)


def explain(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID...]", help="Component ids; none: all.", show_default=False),
    ] = None,
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is held against components: the verdict, since when, why, and the numbers behind it."""
    from processor.cli.held import all_held
    from processor.cli.override import told

    held = asyncio.run(all_held(query_settings(bootstrap, topic_prefix, url, moves=True)))
    wanted = list(dict.fromkeys(ids)) if ids else sorted(held)
    if as_json:
        print_json([
            {"component_id": each, "verdicts": [one.model_dump(mode="json") for one in held.get(each, [])]}
            for each in wanted
        ])  # fmt: skip
        return
    if not wanted:
        console.print("nothing is held against any component")
    for component_id in wanted:
        console.print(harmless(component_id), style="bold", soft_wrap=True)
        for verdict in held.get(component_id, []):
            console.print(
                f"  {verdict.kind.value.replace('_', ' ')}: {harmless(verdict.reason)}", soft_wrap=True
            )
            console.print(f"    {_numbers(verdict)}", soft_wrap=True)
            if verdict.override is not None:
                console.print(f"    {harmless(told(verdict.override))}", style="yellow", soft_wrap=True)
        if component_id not in held:
            console.print("  nothing is held against it")


def _numbers(verdict: "HeldVerdict") -> str:
    evidence = verdict.evidence
    told = [f"since {verdict.since:%Y-%m-%d %H:%M:%S}Z", f"confidence {verdict.confidence:.2%}"]
    if evidence.rate is not None and evidence.rate_low is not None and evidence.rate_high is not None:
        told.append(f"rate {evidence.rate:.1%} (95 %: {evidence.rate_low:.1%} to {evidence.rate_high:.1%})")
    if evidence.lift is not None and evidence.q_value is not None:
        told.append(f"{evidence.lift:.1f} times chance, q {evidence.q_value:.2g}")
    return ", ".join(told)
