"""Pictures of one run: throughput by number of components, the distribution of the delay, memory.

What is drawn is worked out in `series.py`; here is only how. matplotlib is in the extra `bench`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.series import Series, delays, memory_by_components, peaks, rates_by_components

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["draw"]

Figures = dict[str, Any]
COLOURS = {
    "Fleetfold": "#0b6e4f",
    "Quix Streams": "#c8553d",
    "plain Faust": "#8d6a9f",
    "ceiling": "#7a7a7a",
}
OTHER_COLOURS = ("#0b6e4f", "#3d7ea6", "#c8553d", "#8d6a9f")
SIZE_INCHES = (7.5, 4.5)


def draw(figures: Figures, folder: Path) -> list[Path]:
    """Draw what the figures hold; a job that was not run leaves its picture out.

    Args:
        figures: of one run.
        folder: made if it is not there.

    Returns:
        The files that were written.
    """
    import matplotlib as mpl  # noqa: PLC0415 -- of the extra alone

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    pictures: tuple[tuple[str, Callable[[Any, Figures], bool]], ...] = (
        ("throughput.png", _throughput),
        ("delay.png", _delay),
        ("memory.png", _memory),
    )
    written = []
    for name, picture in pictures:
        figure, axes = plt.subplots(figsize=SIZE_INCHES, layout="constrained")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, alpha=0.3)
        if picture(axes, figures):
            figure.savefig(folder / name, dpi=150)
            written.append(folder / name)
        plt.close(figure)
    return written


def _throughput(axes: Any, figures: Figures) -> bool:
    lines = rates_by_components(figures)
    _lines(axes, lines)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="components",
        ylabel="events per second",
        title="Throughput by number of components (log scales; bars: range of the rounds)",
    )
    axes.set_xticks(lines[0].x if lines else [])
    axes.minorticks_off()
    _plain(axes.xaxis, axes.yaxis)
    return bool(lines)


def _delay(axes: Any, figures: Figures) -> bool:
    lines = delays(figures)
    for line, colour in zip(lines, OTHER_COLOURS, strict=False):
        axes.plot(line.x, line.y, label=line.name, color=colour)
    axes.set(
        xlabel="milliseconds from publishing to the committed row",
        ylabel="share of the events (%)",
        title="Delay at a steady rate (log scale)",
        ylim=(0, 100),
    )
    axes.set_xscale("log")
    _plain(axes.xaxis)
    if lines:
        axes.legend(frameon=False)
    return bool(lines)


def _memory(axes: Any, figures: Figures) -> bool:
    lines = memory_by_components(figures)
    if lines:
        _lines(axes, lines)
        axes.set(xscale="log", xlabel="components", title="Peak memory by number of components")
        axes.set_xticks(lines[0].x)
        axes.minorticks_off()
        _plain(axes.xaxis)
    else:
        bars = peaks(figures)
        names = [name for name, _ in bars]
        axes.bar(names, [mb for _, mb in bars], color=[COLOURS[name] for name in names])
        axes.set(title="Peak memory")
        lines = [Series(name, (), ()) for name in names]
    axes.set_ylabel("MB of resident memory, at most")
    axes.set_ylim(bottom=0)
    return bool(lines)


def _lines(axes: Any, lines: list[Series]) -> None:
    for line in lines:
        spans = [[y - low for y, low in zip(line.y, line.low, strict=True)], []] if line.low else None
        if spans:
            spans[1] = [high - y for y, high in zip(line.y, line.high, strict=True)]
        axes.errorbar(
            line.x, line.y, yerr=spans, label=line.name, color=COLOURS[line.name], marker="o", capsize=3
        )
    if lines:
        axes.legend(frameon=False)


def _plain(*sides: Any) -> None:
    """Write numbers out: 10,000 is easier to read than a power."""
    for side in sides:
        side.set_major_formatter("{x:,.0f}")
