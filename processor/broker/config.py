"""What a broker is told is a pure function of who it is, who the others are, and where its data lies.

The client listener is named CLIENT and the controller's CONTROLLER, so that `extra` can change a
listener's security (`listener.security.protocol.map`, `listener.name.client.…`) and leave the ports.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from processor.broker.ports import LOOPBACK

__all__ = ["Member", "Seat", "broker_properties", "jvm_flags", "render_properties"]

_COPIES_MAX = 3


@dataclass(frozen=True, slots=True)
class Member:
    """One node of a cluster: broker and controller in one process, on this machine."""

    node_id: int
    port: int
    controller_port: int


@dataclass(frozen=True, slots=True)
class Seat:
    """A node's place in a cluster: who it is, who belongs to it, and the id that all are formatted with."""

    me: Member
    members: tuple[Member, ...]
    cluster_id: str


def broker_properties(
    me: Member,
    members: Sequence[Member],
    log_dir: Path,
    extra: Mapping[str, str] = {},  # a Mapping cannot be changed
) -> dict[str, str]:
    """Return one node's configuration.

    Args:
        me: the node to configure.
        members: all nodes of the cluster, `me` among them.
        log_dir: the folder for its data.
        extra: laid over the rest; its values win.

    Raises:
        ValueError: `me` is not one of `members`.
    """
    if me not in members:
        raise ValueError(f"node {me.node_id} is not among the members")
    copies = min(_COPIES_MAX, len(members))
    in_sync = max(1, copies - 1)
    return {
        "process.roles": "broker,controller",
        "node.id": str(me.node_id),
        "controller.quorum.voters": ",".join(
            f"{member.node_id}@{LOOPBACK}:{member.controller_port}" for member in members
        ),
        "controller.listener.names": "CONTROLLER",
        "listeners": f"CLIENT://{LOOPBACK}:{me.port},CONTROLLER://{LOOPBACK}:{me.controller_port}",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "CLIENT",
        "log.dirs": str(log_dir),
        # A missing topic made by the first who asks has the wrong settings.
        "auto.create.topics.enable": "false",
        "default.replication.factor": str(copies),
        "min.insync.replicas": str(in_sync),
        "offsets.topic.replication.factor": str(copies),
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": str(copies),
        "transaction.state.log.min.isr": str(in_sync),
        "transaction.state.log.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",  # a test of a dead worker need not wait 6 s
        # With these two a restart after a SIGKILL takes 4 s instead of 11.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "log.cleaner.dedupe.buffer.size": "2097152",  # the default costs 130 MB
        **extra,
    }


def render_properties(properties: Mapping[str, str]) -> str:
    """Return the text of a Java properties file (ISO 8859-1, everything else as an escape)."""
    return "".join(f"{_escape(key, key=True)}={_escape(value)}\n" for key, value in properties.items())


def jvm_flags(heap_mb: int) -> list[str]:
    """Return the flags for a small, quickly started JVM that logs to standard error."""
    logger = "-Dorg.slf4j.simpleLogger"
    return [
        f"-Xms{min(64, heap_mb)}m",
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-UsePerfData",  # leaves no file in the system's temporary folder
        "-Xlog:disable",
        "-Xlog:all=error:stderr",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        f"{logger}.defaultLogLevel=warn",
        f"{logger}.log.kafka.server.KafkaRaftServer=info",  # says when the server is ready
        f"{logger}.showDateTime=true",
        f"{logger}.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
    ]


def _escape(text: str, *, key: bool = False) -> str:
    marks = "\\ :=#!" if key else "\\"
    escaped = "".join(f"\\{one}" if one in marks else _plain(one) for one in text)
    return f"\\{escaped}" if escaped.startswith(" ") else escaped


def _plain(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    return "".join(f"\\u{unit:04x}" for unit in array("H", character.encode("utf-16")[2:]))
