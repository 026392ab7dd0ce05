"""What measures: counters, gauges and histograms by name, made from the lines of a table of metrics."""

from collections.abc import Iterable
from typing import cast

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

from processor.metrics import Metric

__all__ = ["Instruments", "process_metrics", "written"]


class Instruments:
    """All that one table asks for, in a registry of their own.

    Args:
        metrics: the table.
    """

    def __init__(self, metrics: Iterable[Metric]) -> None:
        # Nobody asks for a second series that says when each was made. The client left its function untyped.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._made = {metric.name: _made(metric, self.registry) for metric in metrics}

    def counter(self, name: str) -> Counter:
        """Return the counter of that name."""
        return cast("Counter", self._made[name])

    def gauge(self, name: str) -> Gauge:
        """Return the gauge of that name."""
        return cast("Gauge", self._made[name])

    def histogram(self, name: str) -> Histogram:
        """Return the histogram of that name."""
        return cast("Histogram", self._made[name])


def process_metrics(registry: CollectorRegistry) -> None:
    """Let a registry tell of the process and its garbage collector, too."""
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)


def written(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Write a registry's metrics down, as the header says that asks for a format; text and content type."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _made(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    name, text, labels = metric.name, metric.help, metric.labels
    if metric.kind == "counter":
        return Counter(name, text, labels, registry=registry)
    if metric.kind == "gauge":
        return Gauge(name, text, labels, registry=registry)
    return Histogram(name, text, labels, registry=registry, buckets=metric.buckets)
