"""`fleetfold generations`, `switch` and `drop-generation`: which results there are, and which are in use."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from processor.cli.common import (
    BootstrapOption,
    JsonOption,
    PrefixOption,
    console,
    fail,
    harmless,
    print_json,
    print_table,
    settings_from,
)

if TYPE_CHECKING:
    from processor.serve.alias import Aliases
    from processor.serve.differences import Difference
    from processor.settings import Settings

__all__ = ["register", "show_diff"]

_NO = 1
_PATIENCE_S = 10.0
_SHOWN = 50

NumberArgument = Annotated[
    int, typer.Argument(metavar="N", min=1, help="Which generation.", show_default=False)
]
ForceOption = Annotated[bool, typer.Option("--force", help="Do it all the same.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("generations")(_generations)
    app.command("switch")(_switch)
    app.command("drop-generation")(_drop)


def _generations(
    bootstrap: BootstrapOption = None, topic_prefix: PrefixOption = None, as_json: JsonOption = False
) -> None:
    """List the generations of the results: how each was made, how far it has folded, which one is live."""
    settings = settings_from(bootstrap, topic_prefix)
    rows = asyncio.run(_rows(settings))
    if as_json:
        print_json(rows)
        return
    cells = [
        (
            row["generation"],
            row["state"] + (", live" if row["live"] else ""),
            _counted(row["partitions"]),
            _counted(row["lag"]),
            row["built"] or "-",
        )
        for row in rows
    ]
    print_table(
        ("generation", "state", "partitions", "lag", "built"),
        cells,
        right=("generation", "partitions", "lag"),
    )


def _counted(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


async def _rows(settings: "Settings") -> list[dict[str, Any]]:
    from processor.generations import of_generation
    from processor.serve.alias import read_aliases
    from schemas.times import format_us, to_us

    aliases = await read_aliases(settings)
    rows: list[dict[str, Any]] = []
    for number in (1, *sorted(aliases.built)):
        made = aliases.built.get(number)
        lag, partitions = await _lag(of_generation(settings, number))
        state = "folding" if number == 1 or (made and made.built) else "being built"
        if (made and made.dropped) or lag is None:
            state, lag = "dropped", None
        rows.append(
            {
                "generation": number,
                "live": number == aliases.live,
                "state": state,
                "partitions": made.partitions if made else partitions,
                "lag": lag,
                "built": format_us(to_us(made.built)) if made and made.built else None,
            }
        )
    return rows


async def _lag(settings: "Settings") -> tuple[int | None, int | None]:
    """Return how much a generation has still to fold, and how many partitions it has; None if it is gone."""
    from processor.errors import TopicsError
    from processor.standing import standing

    try:
        async with standing(settings) as look:
            return sum((await look.lag()).values()), look.partitions
    except TopicsError:
        return None, None


def _switch(
    generation: NumberArgument,
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let all readers follow a generation; they load it beside, and change over without a gap. And back.

    Refused (exit code 1) while the generation is not built, or lags behind the log; --force overrides that.
    """
    from processor.generations import switch
    from processor.serve.alias import read_aliases

    settings = settings_from(bootstrap, topic_prefix)
    aliases = asyncio.run(read_aliases(settings))
    if generation != aliases.live:
        why = asyncio.run(_why_not(settings, aliases, generation, force=force))
        if why is not None:
            fail(why, _NO)
        asyncio.run(switch(settings, generation))
    if as_json:
        print_json({"live": generation, "before": aliases.live})
    elif generation == aliases.live:
        console.print(f"readers follow generation {generation} already")
    else:
        console.print(f"readers follow generation {generation}; back: fleetfold switch {aliases.live}")


async def _why_not(settings: "Settings", aliases: "Aliases", generation: int, *, force: bool) -> str | None:
    """Return why readers must not be switched; what is not there cannot be forced."""
    from processor.errors import TopicsError
    from processor.generations import corrections_missed, of_generation
    from processor.standing import standing

    made = aliases.built.get(generation)
    if not aliases.exists(generation):
        return f"there is no generation {generation}: `fleetfold generations` lists them"
    if made is not None and not force:
        if made.built is None:
            return (
                f"generation {generation} is not built to its end: `fleetfold rebuild` goes on where it was"
            )
        if later := await corrections_missed(settings, made):
            return (
                f"generation {generation} still counts what {later} later correction(s) took back: "
                "`fleetfold rebuild` another, which obeys them, or give --force"
            )
    try:
        async with standing(of_generation(settings, generation)) as look:
            if force or await look.folded(_PATIENCE_S):
                return None
            lag = sum((await look.lag()).values())
    except TopicsError as error:
        return f"there is no generation {generation}: {harmless(str(error))}"
    return (
        f"generation {generation} lags: {lag:,} offsets are not folded, and within {_PATIENCE_S:.0f} s it "
        f"did not catch up; start its workers (FLEETFOLD_GENERATION={generation} fleetfold worker), or "
        "give --force"
    )


def _drop(
    generation: NumberArgument,
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    force: Annotated[bool, typer.Option("--force", help="Even if workers fold it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a generation's topics: its rows and state, not the events. The live one is refused."""
    from processor.generations import GenerationError, drop

    settings = settings_from(bootstrap, topic_prefix)
    try:
        names = asyncio.run(drop(settings, generation, force=force))
    except GenerationError as error:
        fail(str(error), _NO)
    if as_json:
        print_json({"generation": generation, "deleted": names})
        return
    for name in names:
        console.print(f"deleted {harmless(name)}")


def show_diff(settings: "Settings", *, as_json: bool) -> None:
    """Print which rows of the settings' generation differ from the live one's, and why."""
    from processor.comparing import compare
    from processor.serve.alias import read_aliases

    live = asyncio.run(read_aliases(settings)).live
    found = asyncio.run(compare(settings, live, settings.generation))
    if as_json:
        print_json([_as_json(each) for each in found])
        return
    if not found:
        console.print(f"every row of generation {settings.generation} equals that of generation {live}")
        return
    cells = [
        (" + ".join(each.ids), name, _shown(before), _shown(after), each.why)
        for each in found[:_SHOWN]
        for name, (before, after) in each.fields.items()
    ]
    columns = ("row", "field", f"generation {live}", f"generation {settings.generation}", "why")
    print_table(columns, cells)
    if len(found) > _SHOWN:
        console.print(f"and {len(found) - _SHOWN:,} rows more; --json prints all")


def _shown(value: object) -> str:
    return "-" if value is None else str(value)


def _as_json(difference: "Difference") -> dict[str, Any]:
    fields = {name: {"old": old, "new": new} for name, (old, new) in difference.fields.items()}
    ids = list(difference.ids)
    return {"table": difference.table, "ids": ids, "fields": fields, "why": difference.why}
