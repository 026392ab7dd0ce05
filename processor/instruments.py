"""Makes what measures from a line of a table of metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from processor.metrics import Metric

__all__ = ["made"]


def made(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    """Return the counter, gauge or histogram that a metric's line asks for, registered."""
    name, text, labels = metric.name, metric.help, metric.labels
    if metric.kind == "counter":
        return Counter(name, text, labels, registry=registry)
    if metric.kind == "gauge":
        return Gauge(name, text, labels, registry=registry)
    return Histogram(name, text, labels, registry=registry, buckets=metric.buckets)
