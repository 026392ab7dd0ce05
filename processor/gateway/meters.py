"""Counts and times what a gateway does; what waits and whether it is ready is looked up when scraped."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from processor.instruments import Instruments, process_metrics, written
from processor.metrics import GATEWAY_METRICS

if TYPE_CHECKING:
    from prometheus_client import Metric as Family

__all__ = ["GatewayMeters", "Watched", "exposition"]


class Watched(Protocol):
    """What is looked at when somebody scrapes."""

    @property
    def pending(self) -> int:
        """How many events wait to be sent."""

    @property
    def trouble(self) -> str:
        """Why nothing can be accepted just now; "" if all is well."""


class GatewayMeters(Collector):
    """The metrics of one gateway, which any registry can take in.

    Args:
        watched: the gateway.
        pending_limit: how many events may wait.
    """

    def __init__(self, watched: Watched, pending_limit: int) -> None:
        self._made = Instruments(GATEWAY_METRICS)
        self._watched = watched
        self._made.gauge("fleetfold_gateway_pending_limit_events").set(pending_limit)
        self._made.gauge("fleetfold_gateway_build_info").labels(version("fleetfold")).set(1)

    def answered(self, status: int, duration_s: float) -> None:
        """Count and time one answer, by its status."""
        self._made.counter("fleetfold_gateway_requests_total").labels(str(int(status))).inc()
        self._made.histogram("fleetfold_gateway_request_seconds").observe(duration_s)

    def took(self, results: Mapping[str, int]) -> None:
        """Count a request's events, by their results."""
        for result, number in results.items():
            self._made.counter("fleetfold_gateway_events_total").labels(result).inc(number)

    def acknowledged(self, duration_s: float) -> None:
        """Time one wave."""
        self._made.histogram("fleetfold_gateway_acknowledge_seconds").observe(duration_s)

    def collect(self) -> "Iterable[Family]":
        """Look at the gateway, and return all metrics as the client's registries ask for them."""
        self._made.gauge("fleetfold_gateway_pending_events").set(self._watched.pending)
        self._made.gauge("fleetfold_gateway_ready").set(not self._watched.trouble)
        return self._made.registry.collect()


def exposition(meters: GatewayMeters) -> Callable[[str], tuple[bytes, str]]:
    """Return what writes a gateway's and its process's metrics down.

    It takes the header that says which format is wanted, and returns the text and its content type.
    """
    registry = CollectorRegistry()
    registry.register(meters)
    process_metrics(registry)
    return partial(written, registry)
