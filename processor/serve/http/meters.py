"""Every metric of the service stands here once; rows and delay are looked up when somebody scrapes."""

from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from processor.metrics import Metric, table_lines
from processor.serve.http.context import Context
from processor.serve.http.status import status_of

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
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the client left it untyped
        self._registry = CollectorRegistry()
        texts = {metric.name: metric for metric in SERVE_METRICS}

        def made(name: str) -> tuple[str, str, tuple[str, ...]]:
            return name, texts[name].help, texts[name].labels

        registry = self._registry
        self._requests = Counter(*made("fleetfold_serve_requests_total"), registry=registry)
        self._seconds = Histogram(
            *made("fleetfold_serve_request_seconds"), registry=registry, buckets=_SECONDS
        )
        self._rows = Gauge(*made("fleetfold_serve_rows"), registry=registry)
        self._bad = Counter(*made("fleetfold_serve_bad_rows_total"), registry=registry)
        self._delay = Gauge(*made("fleetfold_serve_delay_seconds"), registry=registry)
        self._behind = Gauge(*made("fleetfold_serve_behind_offsets"), registry=registry)
        self._streams = Gauge(*made("fleetfold_serve_streams"), registry=registry)
        self._ready = Gauge(*made("fleetfold_serve_ready"), registry=registry)
        Gauge(*made("fleetfold_serve_build_info"), registry=registry).labels(version("fleetfold")).set(1)
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self._bad_told = 0
        self._by_route: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def include(self, collector: Collector) -> None:
        """Show the metrics of a part that runs in this process, too."""
        self._registry.register(collector)

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
        status = status_of(shared)
        for table in ("components", "pairs", "hosts", "days"):
            self._rows.labels(table).set(status["rows"][table] or 0)
        self._bad.inc(status["rows"]["bad"] - self._bad_told)
        self._bad_told = status["rows"]["bad"]
        self._delay.set(status["delay_s"] or 0)
        self._behind.set(status["behind"])
        self._streams.set(status["streams"])
        self._ready.set(status["ready"])
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


if __name__ == "__main__":
    print(markdown_table())  # noqa: T201 -- the docs are made from what this prints
