"""Every metric of the service stands here once; rows and delay are looked up when somebody scrapes."""

from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client.registry import Collector

from processor.instruments import Instruments, process_metrics, written
from processor.metrics import Metric, table_lines
from processor.serve.http.context import Context
from processor.serve.http.status import status_of

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

__all__ = ["SERVE_METRICS", "ServeMeters", "markdown_table"]

_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0)

SERVE_METRICS: tuple[Metric, ...] = (
    Metric(
        "fleetfold_serve_requests_total", "counter", ("route", "status"), "requests", "Requests answered."
    ),
    Metric(
        "fleetfold_serve_request_seconds",
        "histogram",
        ("route",),
        "s",
        "From a request to the end of its answer; a stream's is as long as its reader stays.",
        _SECONDS,
    ),
    Metric("fleetfold_serve_rows", "gauge", ("table",), "rows", "Rows in memory."),
    Metric("fleetfold_serve_bad_rows_total", "counter", (), "records", "Records that were no rows."),
    Metric(
        "fleetfold_serve_delay_seconds",
        "gauge",
        (),
        "s",
        "Everything that was committed this long ago is in the answers.",
    ),
    Metric(
        "fleetfold_serve_behind_offsets", "gauge", (), "offsets", "From what was read to the topics' ends."
    ),
    Metric("fleetfold_serve_streams", "gauge", (), "readers", "Readers of the stream of changes."),
    Metric("fleetfold_serve_ready", "gauge", (), "1 or 0", "Whether all rows are read."),
    Metric("fleetfold_serve_build_info", "gauge", ("version",), "always 1", "What this service is made of."),
)


def markdown_table() -> str:
    """Return the service's metrics as a table for the documentation."""
    return "\n".join(table_lines(SERVE_METRICS))


class ServeMeters:
    """The metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        made = self._made = Instruments(SERVE_METRICS)
        self._requests = made.counter("fleetfold_serve_requests_total")
        self._seconds = made.histogram("fleetfold_serve_request_seconds")
        made.gauge("fleetfold_serve_build_info").labels(version("fleetfold")).set(1)
        process_metrics(made.registry)
        self._bad_told = 0
        self._by_route: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def include(self, collector: Collector) -> None:
        """Show the metrics of a part that runs in this process, too."""
        self._made.registry.register(collector)

    def answered(self, route: str, status: int, duration_s: float) -> None:
        """Count one answer."""
        children = self._by_route.get((route, status))
        if children is None:
            children = (self._requests.labels(route, str(status)), self._seconds.labels(route))
            self._by_route[route, status] = children
        children[0].inc()
        children[1].observe(duration_s)

    def scrape(self, shared: Context, accept: str) -> tuple[bytes, str]:
        """Look at the service and write all metrics down; returns the text and its content type."""
        made, status = self._made, status_of(shared)
        for table in ("components", "pairs", "hosts", "days"):
            made.gauge("fleetfold_serve_rows").labels(table).set(status["rows"][table] or 0)
        made.counter("fleetfold_serve_bad_rows_total").inc(status["rows"]["bad"] - self._bad_told)
        self._bad_told = status["rows"]["bad"]
        made.gauge("fleetfold_serve_delay_seconds").set(status["delay_s"] or 0)
        made.gauge("fleetfold_serve_behind_offsets").set(status["behind"])
        made.gauge("fleetfold_serve_streams").set(status["streams"])
        made.gauge("fleetfold_serve_ready").set(status["ready"])
        return written(made.registry, accept)


if __name__ == "__main__":
    print(markdown_table())  # noqa: T201 -- the docs are made from what this prints
