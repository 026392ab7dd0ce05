"""Pictures of one run: throughput by number of components, the distribution of the delay, memory.

What is drawn is worked out in `series.py`; here is only how. matplotlib is in the extra `bench`.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.series import Series, delays, memory_by_components, peaks, rates_by_components

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["draw"]

Figures = dict[str, Any]
COLOURS = {"Fleetfold": "#0b6e4f", "Quix Streams": "#c8553d", "plain Faust": "#8d6a9f", "ceiling": "#7a7a7a"}
DELAY_COLOURS = ("#0b6e4f", "#3d7ea6")
SIZE_INCHES = (7.5, 4.5)
DPI = 150


def draw(figures: Figures, folder: Path) -> list[Path]:
    """Draw what the figures hold; a job that was not run leaves its picture out.

    Args:
        figures: of one run.
        folder: made if it is not there.

    Returns:
        The files that were written.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 -- of the extra alone

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, picture in _pictures(figures).items():
        figure = Figure(figsize=SIZE_INCHES, layout="constrained")
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, alpha=0.3)
        picture(axes)
        _, labels = axes.get_legend_handles_labels()
        if labels:
            figure.legend(loc="outside lower center", ncols=len(labels), frameon=False)
        figure.savefig(folder / name, dpi=DPI)
        written.append(folder / name)
    return written


def _pictures(figures: Figures) -> dict[str, "Callable[[Any], None]"]:
    """The pictures that there are figures for, by the names of their files."""
    found: dict[str, Callable[[Any], None]] = {}
    if rates := rates_by_components(figures):
        found["throughput.png"] = partial(_throughput, rates)
    if held := delays(figures):
        found["delay.png"] = partial(_delay, held)
    if memory := memory_by_components(figures):
        found["memory.png"] = partial(_memory, memory)
    elif bars := peaks(figures):
        found["memory.png"] = partial(_peaks, bars)
    return found


def _throughput(lines: list[Series], axes: Any) -> None:
    _by_components(lines, axes)
    axes.set_yscale("log")
    _tell(axes.yaxis)
    axes.set(ylabel="events per second", title="Throughput (log scales; bars: from the least to the most)")


def _memory(lines: list[Series], axes: Any) -> None:
    _by_components(lines, axes)
    axes.set_ylim(bottom=0)
    axes.set(ylabel="MB of resident memory, at most", title="Peak memory")


def _peaks(bars: list[tuple[str, float]], axes: Any) -> None:
    axes.bar([name for name, _ in bars], [mb for _, mb in bars], color=[COLOURS[name] for name, _ in bars])
    axes.set(ylabel="MB of resident memory, at most", title="Peak memory")


def _delay(lines: list[Series], axes: Any) -> None:
    for line, colour in zip(lines, DELAY_COLOURS, strict=False):
        axes.plot(line.x, line.y, label=line.name, color=colour)
    axes.set_xscale("log")
    _tell(axes.xaxis)
    axes.set(
        xlabel="milliseconds from publishing to the committed row",
        ylabel="share of the events (%)",
        title="Delay at a steady rate (log scale)",
        ylim=(0, 100),
    )


def _by_components(lines: list[Series], axes: Any) -> None:
    for line in lines:
        axes.errorbar(
            line.x,
            line.y,
            yerr=_ranges(line),
            label=line.name,
            color=COLOURS[line.name],
            marker="o",
            capsize=3,
        )
    axes.set(xscale="log", xlabel="components")
    axes.set_xticks(lines[0].x, [f"{components:,}" for components in lines[0].x])
    axes.minorticks_off()


def _ranges(line: Series) -> list[list[float]] | None:
    """How far each point's range reaches below it and above, if it has one."""
    if not line.low:
        return None
    below = [y - low for y, low in zip(line.y, line.low, strict=True)]
    return [below, [high - y for y, high in zip(line.y, line.high, strict=True)]]


def _tell(side: Any) -> None:
    """Numbers on a log scale, written out, close enough to read from."""
    from matplotlib.ticker import LogLocator  # noqa: PLC0415 -- of the extra alone

    side.set_major_locator(LogLocator(subs=(1, 2, 5)))
    side.set_major_formatter("{x:,.0f}")
