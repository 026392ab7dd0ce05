"""The picture of one run: whom each set of rules names, and how soon a breakage is seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.evidence.scores import Outcome, total

__all__ = ["draw"]

_SIZE_INCHES: Final = (9, 3.8)
_DPI: Final = 110
_REAL, _FALSE = "#0b6e4f", "#c8553d"


def draw(outcomes: Sequence[Outcome], path: Path) -> None:
    """Draw what came of the fleets into a file.

    Args:
        outcomes: at least one.
        path: a PNG; written over.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 -- of the extra alone

    figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
    left, right = figure.subplots(1, 2)
    _named(left, outcomes)
    _in_time(right, outcomes)
    figure.savefig(path, dpi=_DPI, metadata={"Software": None})


def _named(axes: Any, outcomes: Sequence[Outcome]) -> None:
    bars = {
        "conflicts,\nverdicts": total(each.conflicts.verdicts for each in outcomes),
        "conflicts,\nplain rule": total(each.conflicts.plain for each in outcomes),
        "failing,\nverdicts": total(each.problematic.verdicts for each in outcomes),
        "failing,\nplain rule": total(each.problematic.plain for each in outcomes),
    }
    places = range(len(bars))
    axes.bar([place - 0.2 for place in places], [each.right for each in bars.values()], 0.4, color=_REAL,
             label="real")  # fmt: skip
    axes.bar([place + 0.2 for place in places], [each.wrong for each in bars.values()], 0.4, color=_FALSE,
             label="false")  # fmt: skip
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(bottom=0)
    axes.set_xticks(list(places), list(bars))
    axes.set_ylabel("named, in all fleets")
    axes.set_title("Who is named")
    axes.legend(frameon=False)


def _in_time(axes: Any, outcomes: Sequence[Outcome]) -> None:
    every = [each for outcome in outcomes for each in outcome.detected.verdicts]
    plain = [each for outcome in outcomes for each in outcome.detected.plain]
    for name, found, colour in (("verdicts", every, _REAL), ("plain rule", plain, _FALSE)):
        minutes = sorted(each[0] for each in found if each is not None)
        shares = [number / len(found) for number in range(len(minutes) + 1)]
        axes.step([0.0, *minutes, 180.0], [*shares, shares[-1]], where="post", color=colour, label=name)
    axes.set_xlim(0, 180)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("minutes since a component broke")
    axes.set_ylabel("share of breakages named")
    axes.set_title("How soon a breakage is seen")
    axes.legend(frameon=False)
