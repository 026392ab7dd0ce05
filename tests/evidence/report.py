"""The table that people read: each figure beside what is wanted of it, and beside the plain rule's. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.evidence.scores import Both, Outcome, total

__all__ = ["Figure", "figures", "markdown"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        name: what it is.
        verdicts: as text, that of the verdicts.
        plain: that of the plain rule.
        wanted: what is wanted of the verdicts; empty where nothing is.
        met: whether it is met; None where nothing is wanted.
    """

    name: str
    verdicts: str
    plain: str
    wanted: str = ""
    met: bool | None = None


def figures(outcomes: Sequence[Outcome]) -> list[Figure]:
    """Return the lines for what came of the fleets."""
    lines: list[Figure] = []
    for name, scores in (
        ("Conflicts with at least 8 co-failures", [each.conflicts for each in outcomes]),
        ("Components that fail, at least 8 times", [each.problematic for each in outcomes]),
    ):
        sums = Both(total(each.verdicts for each in scores), total(each.plain for each in scores))
        ours, plain = sums.verdicts, sums.plain
        lines.append(_at_least(f"{name}: precision", ours.precision, plain.precision, 0.95))
        lines.append(_at_least(f"{name}: recall of {ours.hidden}", ours.recall, plain.recall, 0.9))
    lines += _by_strength(outcomes)
    removed = Both(total(o.removed.verdicts for o in outcomes), total(o.removed.plain for o in outcomes))
    for what in ("precision", "recall"):
        ours_share, plain_share = getattr(removed.verdicts, what), getattr(removed.plain, what)
        lines.append(
            Figure(f"Components that are thrown away: {what}", f"{ours_share:.3f}", f"{plain_share:.3f}")
        )
    return [*lines, *_innocents(outcomes), *_in_time(outcomes)]


def _at_least(name: str, ours: float, plain: float, least: float) -> Figure:
    return Figure(name, f"{ours:.3f}", f"{plain:.3f}", f">= {least}", ours >= least)


def _by_strength(outcomes: Sequence[Outcome]) -> list[Figure]:
    strengths = sorted({strength for each in outcomes for strength in each.by_strength})
    found = []
    for strength in strengths:
        sums = total(each.by_strength[strength] for each in outcomes if strength in each.by_strength)
        name = f"  recall of {sums.hidden} that fail in {strength:.0%} of their meetings"
        found.append(Figure(name, f"{sums.recall:.3f}", "1.000"))
    return found


def _innocents(outcomes: Sequence[Outcome]) -> list[Figure]:
    innocents = sum(each.innocents for each in outcomes)
    now, plain, ever = (
        1000 * sum(counts) / innocents
        for counts in (
            (each.accused.verdicts for each in outcomes),
            (each.accused.plain for each in outcomes),
            (each.accused_ever for each in outcomes),
        )
    )
    return [
        Figure(
            f"Innocents accused at the end, of 1,000 (of {innocents:,})",
            f"{now:.2f}", f"{plain:.0f}", "< 1", now < 1,
        ),
        Figure("Innocents accused at any time, of 1,000", f"{ever:.2f}", ""),
        Figure("Verdicts that ended though what they said went on, per fleet",
               f"{sum(each.flaps for each in outcomes) / len(outcomes):.2f}", ""),
    ]  # fmt: skip


def _in_time(outcomes: Sequence[Outcome]) -> list[Figure]:
    ours = [each for outcome in outcomes for each in outcome.detected.verdicts]
    plain = [each for outcome in outcomes for each in outcome.detected.plain]
    mended = [each for outcome in outcomes for each in outcome.mended_hours.verdicts]
    mended_plain = [each for outcome in outcomes for each in outcome.mended_hours.plain]
    return [
        Figure(
            f"Minutes from breakage to verdict: median ({len(ours)} breakages)",
            _median([each and each[0] for each in ours]),
            _median([each and each[0] for each in plain]),
        ),
        Figure(
            "Installs of the component in that time: median",
            _median([each and each[1] for each in ours]),
            _median([each and each[1] for each in plain]),
        ),
        Figure(
            "Breakages named within 3 hours",
            f"{sum(each is not None for each in ours)} of {len(ours)}",
            f"{sum(each is not None for each in plain)} of {len(plain)}",
        ),
        Figure(
            "Hours from mending to the end of the verdict: median", _median(mended), _median(mended_plain)
        ),
    ]


def _median(values: Sequence[float | None]) -> str:
    """Return the median as text; what never happened is the largest of all."""
    middle = median(float("inf") if each is None else each for each in values)
    return "never" if middle == float("inf") else f"{middle:g}"


def markdown(lines: Sequence[Figure]) -> str:
    """Return the lines as a table."""
    rows = ["| Figure | Verdicts | Plain rule | Wanted | |", "|---|---:|---:|---|---|"]
    for line in lines:
        met = {None: "", True: "met", False: "**missed**"}[line.met]
        rows.append(f"| {line.name} | {line.verdicts} | {line.plain} | {line.wanted} | {met} |")
    return "\n".join(rows)
