"""`fleetfold simulate`: a fleet that does not exist, with conflicts that were planted in it.

What does the work is loaded in the functions: `--help` needs none of it.
"""

import asyncio
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from processor.cli.common import (
    BootstrapOption,
    JsonOption,
    PrefixOption,
    Progress,
    err_console,
    fail,
    print_json,
    progress,
    settings_from,
)
from processor.cli.output import console

if TYPE_CHECKING:
    from processor.publish.encoding import EncodedEvent
    from processor.publish.fleet import FleetPlan, Planted
    from processor.settings import Settings

__all__ = ["register", "simulate"]

_LINES_AT_ONCE = 2_000

OutOption = Annotated[
    str | None,
    typer.Option(
        "--out", metavar="FILE", help="Write JSON lines to a file (- for standard output), not to Kafka."
    ),
]


def register(app: typer.Typer) -> None:
    """Add `simulate`."""
    app.command("simulate")(simulate)


def simulate(  # noqa: PLR0913, PLR0917  # one parameter per option of the command
    events: Annotated[int, typer.Option(min=0, help="How many events.")] = 200_000,
    hosts: Annotated[int, typer.Option(min=1, help="How many hosts.")] = 2_000,
    components: Annotated[int, typer.Option(min=1, help="How many components.")] = 400,
    conflicts: Annotated[int, typer.Option(min=0, help="How many pairs fail together.")] = 8,
    hours: Annotated[float, typer.Option(help="How long ago the first event was, in hours.")] = 24.0,
    seed: Annotated[int, typer.Option(help="The same seed plants the same.")] = 1,
    out: OutOption = None,
    bootstrap: BootstrapOption = None,
    topic_prefix: PrefixOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish a simulated fleet (hosts `sim-...`, components `pkg:sim/...`) with planted conflicts.

    Prints what was planted, so that it can be compared with what is found.
    """
    from processor.publish.fleet import FleetPlan, plant
    from processor.publish.simulate import simulate as simulated

    try:
        plan = FleetPlan(events, hosts, components, conflicts, hours, seed)
    except ValueError as error:
        fail(str(error))
    planted = plant(plan)
    stream = simulated(plan, time.time_ns() // 1_000, planted)
    begin_s = time.monotonic()
    if out is not None:
        _write(stream, out, events)
    else:
        asyncio.run(_publish(settings_from(bootstrap, topic_prefix), stream, events))
    took_s = time.monotonic() - begin_s
    if out == "-":
        err_console.print("what was written is simulated")
        return
    if as_json:
        print_json(
            {"simulated": True, "events": events, "seconds": round(took_s, 3), "planted": planted.to_dict()}
        )
    else:
        _report(plan, planted, took_s)


async def _publish(settings: "Settings", stream: "Iterable[EncodedEvent]", events: int) -> None:
    from processor.publish.publisher import open_publisher

    async with open_publisher(settings) as publisher:
        with progress("publishing simulated events", events) as bar:
            await publisher.send_encoded(stream, bar.advance)


def _write(stream: "Iterable[EncodedEvent]", out: str, events: int) -> None:
    try:
        with _output(out) as file, progress("writing simulated events", events) as bar:
            _write_lines(stream, file, bar)
    except OSError as error:
        fail(f"cannot write {out}: {error.strerror or error}")


@contextmanager
def _output(out: str) -> Iterator[BinaryIO]:
    if out == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with Path(out).open("wb") as file:
        yield file


def _write_lines(stream: "Iterable[EncodedEvent]", file: BinaryIO, bar: Progress) -> None:
    lines: list[bytes] = []
    for event in stream:
        lines.append(event.value)
        if len(lines) == _LINES_AT_ONCE:
            file.write(b"\n".join(lines) + b"\n")
            bar.advance(len(lines))
            lines.clear()
    if lines:
        file.write(b"\n".join(lines) + b"\n")
        bar.advance(len(lines))


def _report(plan: "FleetPlan", planted: "Planted", took_s: float) -> None:
    rate = f" in {took_s:.1f} s ({plan.events / took_s:,.0f} a second)" if took_s > 0 else ""
    console.print(f"{plan.events:,} events of a simulated fleet of {plan.hosts:,} hosts{rate}")
    console.print("planted in it:")
    for a, b in planted.conflicts:
        console.print(f"  fail together      {a}  {b}")
    for label, names in (
        ("often fail", planted.problematic),
        ("often removed", planted.removed),
        ("deprecated", planted.deprecated),
        ("popular, innocent", planted.popular),
        ("mass failure on", planted.mass_failures),
    ):
        console.print(f"  {label:<17}  {', '.join(names)}")
