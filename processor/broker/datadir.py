"""A data folder belongs to one broker at a time, keeps its cluster's id, and is formatted whole or not.

What lies in it: `data/` (Kafka's own), `broker.log`, `server.properties` (written at each start), and
`broker.lock`, which is held while a process lives that could write there.
"""

import base64
import shutil
import threading
import uuid
from pathlib import Path

from processor.broker.errors import BrokerError, BrokerStoppedError, DataDirInUseError
from processor.broker.folderlock import FileLock

__all__ = ["DataDir", "new_cluster_id"]

# A broker whose parent was just killed is gone within a second; waiting a little spares an error.
_LOCK_WAIT_S = 3.0
_LOG_MAX_BYTES = 8_000_000
_META = "meta.properties"


class DataDir:
    """One broker's folder.

    Args:
        path: the folder; made at `open` when missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kafka = path / "data"
        self.log = path / "broker.log"
        self.properties = path / "server.properties"
        self._lock = FileLock(path / "broker.lock")

    @property
    def lock_fd(self) -> int:
        """The open lock, for the processes that shall hold it too."""
        return self._lock.descriptor

    def open(self, cancel: threading.Event) -> None:
        """Take the folder.

        Raises:
            DataDirInUseError: another broker has it.
            BrokerError: it cannot be written, Kafka cannot name it, or `data` in it is not a broker's.
            BrokerStoppedError: `cancel` was set.
        """
        if "," in str(self.path):
            raise BrokerError(
                f"the data folder {self.path} cannot be used: to Kafka a comma separates folders"
            )
        try:
            acquired = self._lock.acquire(_LOCK_WAIT_S, cancel)
        except OSError as error:
            raise BrokerError(f"the data folder {self.path} cannot be used: {error.strerror}") from error
        if not acquired:
            if cancel.is_set():
                raise BrokerStoppedError("stopped while starting")
            raise DataDirInUseError(
                f"another broker runs on the data folder {self.path}: stop it, or give --data-dir another"
            )
        if not self.formatted() and self.kafka.exists() and any(self.kafka.iterdir()):
            self.close()
            raise BrokerError(
                f"{self.kafka} holds something that is not a broker's data; name another folder"
            )
        if self.log.exists() and self.log.stat().st_size > _LOG_MAX_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.log.touch()

    def close(self) -> None:
        """Give the folder back."""
        self._lock.release()

    def formatted(self) -> bool:
        """Return whether a cluster's id is there."""
        return (self.kafka / _META).exists()

    def cluster_id(self) -> str:
        """Return the id that the data was formatted with.

        Raises:
            BrokerError: it is not there.
        """
        for line in (self.kafka / _META).read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "cluster.id":
                return value.strip()
        raise BrokerError(f"{self.kafka / _META} holds no cluster id")

    def fresh(self) -> Path:
        """Return an empty folder to format; `adopt` puts it in place."""
        fresh = self.kafka.with_name("data.new")
        shutil.rmtree(fresh, ignore_errors=True)  # of a start that was killed while formatting
        fresh.mkdir()
        return fresh

    def adopt(self, fresh: Path) -> None:
        """Put a formatted folder in place, at once."""
        fresh.replace(self.kafka)

    def last_log_lines(self, start: int, count: int = 15) -> str:
        """Return the last lines that were logged after a byte position."""
        with self.log.open("rb") as file:
            file.seek(start)
            lines = file.read().decode("utf-8", "replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-count:] if not line.startswith("\tat "))


def new_cluster_id() -> str:
    """Return a random cluster id as Kafka makes them: 16 bytes in URL-safe base 64, not starting with `-`."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode("ascii")
        if not text.startswith("-"):
            return text
