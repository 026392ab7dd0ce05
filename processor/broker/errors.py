"""What can go wrong with the embedded Kafka; each text says what would mend it. Exit code 2: cannot work."""

from processor.errors import FleetfoldError

__all__ = [
    "BrokerError",
    "BrokerFailedError",
    "BrokerStoppedError",
    "DataDirInUseError",
    "JarsError",
    "NotInstalledError",
    "PortTakenError",
]


class BrokerError(FleetfoldError):
    """The embedded Kafka cannot run."""


class NotInstalledError(BrokerError):
    """The Python packages of the extra `fleetfold[broker]` are not there."""


class JarsError(BrokerError):
    """Kafka's jars could not be fetched, or are not those of the lock file."""


class PortTakenError(BrokerError):
    """Another program listens on the port that was asked for."""


class DataDirInUseError(BrokerError):
    """Another broker runs on the same data folder."""


class BrokerFailedError(BrokerError):
    """Kafka ended, or was not ready in time; the text holds the last lines of its log."""


class BrokerStoppedError(BrokerError):
    """The start was broken off by a stop from another thread."""
