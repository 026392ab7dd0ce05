"""Every metric of the writer of verdicts stands here once; what merely stands is looked up when scraped."""

import time
from importlib.metadata import version
from typing import Final, Protocol

from processor.instruments import Instruments, process_metrics, written
from processor.metrics import Metric, table_lines
from processor.verdicts.rows import Rows
from schemas.verdicts import VerdictKind

__all__ = ["VERDICT_METRICS", "VerdictMeters", "Writing", "markdown_table"]

_SECONDS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

VERDICT_METRICS: Final[tuple[Metric, ...]] = (
    Metric("fleetfold_verdicts_leads", "gauge", (), "1 or 0", "Whether this instance writes."),
    Metric("fleetfold_verdicts_ready", "gauge", (), "1 or 0", "Whether /readyz says yes."),
    Metric(
        "fleetfold_verdicts_delay_seconds",
        "gauge",
        (),
        "s",
        "Every row that was committed this long ago is read.",
    ),
    Metric(
        "fleetfold_verdicts_judged_seconds",
        "gauge",
        (),
        "s",
        "Since the last judgement ended; 0 where another instance judges.",
    ),
    Metric("fleetfold_verdicts_judge_seconds", "histogram", (), "s", "One judgement.", _SECONDS),
    Metric("fleetfold_verdicts_written_total", "counter", (), "rows", "Rows written and deleted."),
    Metric("fleetfold_verdicts_standing", "gauge", ("kind",), "verdicts", "Verdicts that stand."),
    Metric("fleetfold_verdicts_bad_rows_total", "counter", (), "records", "Records that were no rows."),
    Metric("fleetfold_verdicts_build_info", "gauge", ("version",), "always 1", "What this is made of."),
)


def markdown_table() -> str:
    """Return the writer's metrics as a table for the documentation."""
    return "\n".join(table_lines(VERDICT_METRICS))


class Writing(Protocol):
    """What is looked at when somebody scrapes."""

    rows: Rows

    @property
    def leads(self) -> bool:
        """Whether it writes."""

    @property
    def delay_s(self) -> float:
        """How old the newest rows may be that are not read yet."""

    def why_not_ready(self) -> str | None:
        """Why it does not do its work; None if it does."""


class VerdictMeters:
    """The metrics of one process, in a registry of their own: it outlives an instance's generation."""

    def __init__(self) -> None:
        self._made = Instruments(VERDICT_METRICS)
        process_metrics(self._made.registry)
        self._made.gauge("fleetfold_verdicts_build_info").labels(version("fleetfold")).set(1)
        self._judged_s = time.monotonic()
        self._bad_told = 0
        self._told: Rows | None = None

    def judged(self, duration_s: float) -> None:
        """Time one judgement."""
        self._judged_s = time.monotonic()
        self._made.histogram("fleetfold_verdicts_judge_seconds").observe(duration_s)

    def wrote(self, rows: int) -> None:
        """Count what was written."""
        self._made.counter("fleetfold_verdicts_written_total").inc(rows)

    def scrape(self, writing: Writing, accept: str) -> tuple[bytes, str]:
        """Look at an instance and write all metrics down; returns the text and its content type."""
        gauge, rows = self._made.gauge, writing.rows
        gauge("fleetfold_verdicts_leads").set(writing.leads)
        gauge("fleetfold_verdicts_ready").set(writing.why_not_ready() is None)
        gauge("fleetfold_verdicts_delay_seconds").set(writing.delay_s)
        judged_s = time.monotonic() - self._judged_s if writing.leads else 0.0
        gauge("fleetfold_verdicts_judged_seconds").set(judged_s)
        kinds = [each.kind for row in rows.standing.values() for each in row.verdicts]
        for kind in VerdictKind:
            gauge("fleetfold_verdicts_standing").labels(kind.value).set(kinds.count(kind))
        if rows is not self._told:  # another instance's rows are counted from their beginning
            self._told, self._bad_told = rows, 0
        self._made.counter("fleetfold_verdicts_bad_rows_total").inc(rows.bad - self._bad_told)
        self._bad_told = rows.bad
        return written(self._made.registry, accept)


if __name__ == "__main__":
    print(markdown_table())  # noqa: T201 -- the docs are made from what this prints
