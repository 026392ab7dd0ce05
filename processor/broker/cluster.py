"""Several Kafka nodes on this machine, each broker and controller: one may die, and nothing is lost."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from processor.broker.config import Member, Seat
from processor.broker.datadir import new_cluster_id
from processor.broker.kafka import EmbeddedKafka
from processor.broker.ports import free_port

__all__ = ["EmbeddedCluster"]


class EmbeddedCluster:
    """Some nodes that are one Kafka; with three, each record has three copies, two of them in sync.

    Args:
        data_dir: has a folder for each node; the data stays there.
        size: how many nodes.
        extra_config: broker properties laid over ours, on each node.
    """

    def __init__(self, data_dir: Path, size: int = 3, extra_config: Mapping[str, str] = {}) -> None:
        members = _members(size)
        cluster_id = new_cluster_id()
        self.nodes = [
            EmbeddedKafka(
                data_dir / f"node-{me.node_id}", extra_config=extra_config, seat=Seat(me, members, cluster_id)
            )
            for me in members
        ]

    @property
    def bootstrap(self) -> str:
        """`HOST:PORT` of every node, with commas between."""
        return ",".join(node.bootstrap for node in self.nodes)

    def start(self) -> None:
        """Start all nodes at once, since none is ready before most are. Raises as `EmbeddedKafka.start`."""
        try:
            with ThreadPoolExecutor(len(self.nodes)) as threads:
                list(threads.map(EmbeddedKafka.start, self.nodes))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all nodes at once: the last ones would wait for the others."""
        with ThreadPoolExecutor(len(self.nodes)) as threads:
            list(threads.map(EmbeddedKafka.stop, self.nodes))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _members(size: int) -> tuple[Member, ...]:
    """Return nodes with ports of their own."""
    ports: list[int] = []
    while len(ports) < 2 * size:
        ports.append(free_port(frozenset(ports)))
    return tuple(
        Member(number, port, controller)
        for number, (port, controller) in enumerate(zip(ports[::2], ports[1::2], strict=True), start=1)
    )
