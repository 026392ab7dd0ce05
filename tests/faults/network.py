"""A broker that workers reach through a proxy, and tests directly."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from processor.broker import EmbeddedKafka
from processor.broker.ports import LOOPBACK, free_port
from tests.proxy import Proxy

__all__ = ["ProxiedKafka", "proxied_broker"]


@dataclass(frozen=True)
class ProxiedKafka:
    """A broker with a second listener, which tells its clients to come through the proxy's port."""

    broker: EmbeddedKafka
    listener_port: int
    proxy_port: int

    def proxy(self) -> Proxy:
        """The way for the workers of one test, not yet running."""
        return Proxy(self.proxy_port, self.listener_port)


@contextlib.contextmanager
def proxied_broker(data_dir: Path | None = None) -> Iterator[ProxiedKafka]:
    """Run a broker with both listeners.

    Args:
        data_dir: as EmbeddedKafka's.
    """
    ports: set[int] = set()
    while len(ports) < 4:
        ports.add(free_port(frozenset(ports)))
    port, controller_port, listener_port, proxy_port = ports
    of_clients = {"CLIENT": port, "PROXIED": listener_port}
    extra = {
        "listeners": _addresses({**of_clients, "CONTROLLER": controller_port}),
        "advertised.listeners": _addresses({**of_clients, "PROXIED": proxy_port}),
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }
    with EmbeddedKafka(data_dir=data_dir, port=port, extra_config=extra) as broker:
        yield ProxiedKafka(broker, listener_port, proxy_port)


def _addresses(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in ports.items())
