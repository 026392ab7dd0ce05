"""Every metric of a worker and of the gateway stands here once: name, kind, labels, unit, what it tells.

Names follow Prometheus: `fleetfold_`, the unit, and `_total` for what only grows. The table in the
documentation is what `python -m processor.metrics` prints.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["GATEWAY_METRICS", "METRICS", "Metric", "gateway_table", "markdown_table", "table_lines"]

Kind = Literal["counter", "gauge", "histogram"]

# From a fold of a few records to a commit that waits for a broker's restart.
_DURATIONS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 90.0)
# Close where a delay is to be held (150 and 300 ms), up to the hours of a backlog.
_DELAYS_S = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
_RESTORES_S = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 300.0)
_RECORDS = (1, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 80_000)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: as it is scraped; a counter's ends in `_total`.
        kind: as Prometheus has it.
        labels: their names.
        unit: what one stands for.
        help: what it tells, in one line.
        buckets: a histogram's upper bounds, in the unit.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    unit: str
    help: str
    buckets: tuple[float, ...] = ()


METRICS: tuple[Metric, ...] = (
    # What came in. Counted when folded: what a failed commit takes back, the next owner counts again.
    Metric(
        "fleetfold_events_total",
        "counter",
        (),
        "events",
        "Events that were folded: valid, in their host's partition, and not seen before.",
    ),
    Metric("fleetfold_duplicates_total", "counter", (), "events", "Events that their host had sent before."),
    Metric(
        "fleetfold_late_total",
        "counter",
        (),
        "events",
        "Failures too old for their host's sessions: counted in the statistics, not in pairs.",
    ),
    Metric(
        "fleetfold_skewed_total",
        "counter",
        (),
        "events",
        "Events with an impossible time: their record's time was taken instead.",
    ),
    Metric(
        "fleetfold_misrouted_total",
        "counter",
        (),
        "events",
        "Events that arrived in another host's partition and were forwarded.",
    ),
    Metric("fleetfold_ignored_total", "counter", (), "records", "Records without a value."),
    Metric(
        "fleetfold_mass_failures_total",
        "counter",
        (),
        "sessions",
        "Sessions that grew beyond the cap of components and add no pairs.",
    ),
    Metric(
        "fleetfold_dead_letters_total",
        "counter",
        ("reason",),
        "records",
        "Records that are no events and went to dead-letters.",
    ),
    Metric(
        "fleetfold_corrected_total",
        "counter",
        (),
        "hosts",
        "Hosts of which a correction took something back; counted once for each correction.",
    ),
    Metric(
        "fleetfold_refused_rows_total",
        "counter",
        ("table",),
        "rows",
        "New rows that a batch would have added to a table that has no room; one more for each batch.",
    ),
    # The way of a batch, by the topic that it was read from.
    Metric("fleetfold_records_total", "counter", ("topic",), "records", "Records that were folded."),
    Metric("fleetfold_batch_records", "histogram", ("topic",), "records", "Records in one batch.", _RECORDS),
    Metric(
        "fleetfold_fold_seconds", "histogram", ("topic",), "s", "Folding one batch in memory.", _DURATIONS_S
    ),
    Metric(
        "fleetfold_commit_seconds",
        "histogram",
        ("topic",),
        "s",
        "Committing one batch: all its outputs, and the offset.",
        _DURATIONS_S,
    ),
    Metric(
        "fleetfold_delay_seconds",
        "histogram",
        ("topic",),
        "s",
        "From the time of a batch's first record to the batch's commit. An event's whole way is the delay on "
        "outcome-events and the one on the deltas after it.",
        _DELAYS_S,
    ),
    # Where the worker stands; looked up when scraped.
    Metric(
        "fleetfold_lag_offsets",
        "gauge",
        ("topic", "partition"),
        "offsets",
        "Offsets between the last commit and the end of the partition, as of its last fetch.",
    ),
    Metric(
        "fleetfold_assigned_partitions",
        "gauge",
        ("topic",),
        "partitions",
        "Partitions that this worker owns and has restored.",
    ),
    Metric(
        "fleetfold_table_rows",
        "gauge",
        ("table",),
        "rows",
        "Rows in memory, of all partitions of this worker; of `component-history` one a component.",
    ),
    Metric(
        "fleetfold_sealed_partitions",
        "gauge",
        ("topic",),
        "partitions",
        "Partitions of this worker that take no new rows, by the topic that they are folded from.",
    ),
    Metric("fleetfold_ready", "gauge", (), "1 or 0", "Whether /readyz says yes."),
    # Coming and going.
    Metric(
        "fleetfold_rebalances_total",
        "counter",
        (),
        "assignments",
        "Assignments that the group gave to this worker, its first one included.",
    ),
    Metric(
        "fleetfold_restore_seconds",
        "histogram",
        (),
        "s",
        "Restoring the new partitions of one assignment.",
        _RESTORES_S,
    ),
    Metric(
        "fleetfold_restore_progress_ratio",
        "gauge",
        (),
        "0 to 1",
        "How much of the present restore is read; 1 when it is done.",
    ),
    Metric(
        "fleetfold_restored_records_total", "counter", (), "records", "Changelog records that were restored."
    ),
    Metric(
        "fleetfold_failures_total",
        "counter",
        ("error",),
        "failures",
        "Errors that end this worker; seen at most once or twice before it is gone.",
    ),
    Metric(
        "fleetfold_build_info",
        "gauge",
        ("version", "python", "faust", "aiokafka"),
        "always 1",
        "What this worker is made of.",
    ),
)

GATEWAY_METRICS: tuple[Metric, ...] = (
    # What was asked, and what became of it. A request that is refused has no results for its events.
    Metric("fleetfold_gateway_requests_total", "counter", ("status",), "requests", "Requests answered."),
    Metric(
        "fleetfold_gateway_request_seconds",
        "histogram",
        (),
        "s",
        "From a request's head to its answer: reading the body, waiting, and Kafka's acknowledgement.",
        _DURATIONS_S,
    ),
    Metric(
        "fleetfold_gateway_events_total",
        "counter",
        ("result",),
        "events",
        "Events by result: accepted (Kafka has acknowledged it), duplicate or rejected.",
    ),
    # The way to Kafka.
    Metric(
        "fleetfold_gateway_acknowledge_seconds",
        "histogram",
        (),
        "s",
        "Sending one wave of events, until Kafka has acknowledged or failed all of it.",
        _DURATIONS_S,
    ),
    Metric("fleetfold_gateway_pending_events", "gauge", (), "events", "Events that wait to be sent."),
    Metric(
        "fleetfold_gateway_pending_limit_events",
        "gauge",
        (),
        "events",
        "How many may wait before requests are told to come back later.",
    ),
    Metric("fleetfold_gateway_ready", "gauge", (), "1 or 0", "Whether it reaches Kafka."),
    Metric(
        "fleetfold_gateway_build_info", "gauge", ("version",), "always 1", "What this gateway is made of."
    ),
)

_CLIENTS_OWN = (
    "Beside these stand the Python client's own: `process_…` (CPU, memory; the start time, which changes "
    "with each restart of the worker) and `python_gc_…`."
)


def markdown_table() -> str:
    """Return a worker's metrics as a table for the documentation."""
    return "\n".join([*table_lines(METRICS), "", _CLIENTS_OWN])


def gateway_table() -> str:
    """Return the gateway's metrics as a table for the documentation."""
    return "\n".join(table_lines(GATEWAY_METRICS))


def table_lines(metrics: Iterable[Metric]) -> list[str]:
    """Return metrics as the lines of a table."""
    lines = ["| Metric | Kind | Labels | Unit | What it tells |", "|---|---|---|---|---|"]
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        cells = (f"`{metric.name}`", metric.kind, labels, metric.unit, metric.help)
        lines.append("| " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    print(markdown_table(), gateway_table(), sep="\n\n")  # noqa: T201  # the docs are made from it
