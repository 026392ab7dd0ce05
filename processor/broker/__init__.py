"""A real Apache Kafka from pip packages and locked jars: no Docker, no Maven, no Java on the PATH.

For the demo, the tests and a first try; the optional packages are those of `fleetfold[broker]`.
"""

from processor.broker.cluster import EmbeddedCluster
from processor.broker.errors import (
    BrokerError,
    BrokerFailedError,
    BrokerStoppedError,
    DataDirInUseError,
    JarsError,
    NotInstalledError,
    PortTakenError,
)
from processor.broker.kafka import EmbeddedKafka
from processor.broker.progress import OnProgress, StartProgress

__all__ = [
    "BrokerError",
    "BrokerFailedError",
    "BrokerStoppedError",
    "DataDirInUseError",
    "EmbeddedCluster",
    "EmbeddedKafka",
    "JarsError",
    "NotInstalledError",
    "OnProgress",
    "PortTakenError",
    "StartProgress",
]
