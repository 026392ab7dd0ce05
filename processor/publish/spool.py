"""What cannot be sent now waits on disk, in order, and survives a crash: an SQLite file with a limit.

An event counts as kept once its transaction is on the disk (WAL, synchronous=FULL). When the file is full the
oldest events stay and new ones are refused. It is removed once it is acknowledged, by sequence number; a
crash in between sends it again with the same event id. One file holds the events of one topic of one Kafka.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from processor.errors import FleetfoldError
from processor.files import put_aside
from processor.publish.encoding import EncodedEvent
from processor.publish.waves import Wave

__all__ = ["Spool", "SpoolError", "Spooled", "spool_path", "spools_in"]

_BUSY_S = 5.0
_ROW_BYTES = 64  # what a row costs beside its key and value
_VERSION = 1  # of the tables; a file of a release that did not say so has 0, and the same tables
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, host BLOB NOT NULL, value BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS size (bytes INTEGER NOT NULL);
INSERT INTO size SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM size);
"""
_WAL_BYTES = 4 * 1024 * 1024


class SpoolError(FleetfoldError):
    """The spool cannot be used: what it is and why."""


class Spooled(NamedTuple):
    """An event that waits, and its sequence number."""

    seq: int
    event: EncodedEvent


def spool_path(state_dir: Path, bootstrap: str, topic: str) -> Path:
    """Return where events wait for one topic of one Kafka, as it is named in the settings."""
    name = hashlib.blake2b(f"{bootstrap}\0{topic}".encode(), digest_size=8).hexdigest()
    return state_dir / f"spool-{name}.sqlite"


def spools_in(state_dir: Path) -> list[Path]:
    """Return all spools of a folder."""
    return sorted(state_dir.glob("spool-*.sqlite"))


class Spool:
    """The events that wait in one file. It is made by the first event; its methods belong to one thread.

    Args:
        path: the file.
        max_bytes: how much it holds, by the events' size.
        about: what it is for (`bootstrap`, `topic`), written into it for people.
    """

    def __init__(self, path: Path, max_bytes: int, about: Mapping[str, str] | None = None) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self._about = dict(about or {})
        self._connection: sqlite3.Connection | None = None

    def append(self, events: Sequence[EncodedEvent]) -> int:
        """Put events behind the others, on the disk; returns how many: all before the first without room.

        Raises:
            SpoolError: the disk is full, or the file cannot be used.
        """
        with self._transaction(make=True) as connection:
            assert connection is not None  # noqa: S101  # it was made
            (used,) = connection.execute("SELECT bytes FROM size").fetchone()
            rows = []
            for event in events:
                used += len(event.host) + len(event.value) + _ROW_BYTES
                if used > self.max_bytes:
                    break
                rows.append((event.host, event.value))
            connection.executemany("INSERT INTO events (host, value) VALUES (?, ?)", rows)
            connection.execute(
                "UPDATE size SET bytes = bytes + ?",
                (sum(len(host) + len(value) + _ROW_BYTES for host, value in rows),),
            )
        return len(rows)

    def oldest(self, limit: int) -> list[Spooled]:
        """Return the oldest events, at most so many.

        Raises:
            SpoolError: the file cannot be used.
        """
        with self._transaction(write=False) as connection:
            if connection is None:
                return []
            rows = connection.execute("SELECT seq, host, value FROM events ORDER BY seq LIMIT ?", (limit,))
            return [Spooled(seq, EncodedEvent(host, value)) for seq, host, value in rows]

    def first_wave(self) -> list[Spooled]:
        """Return the oldest events that may be on their way together.

        Raises:
            SpoolError: the file cannot be used.
        """
        with self._transaction(write=False) as connection:
            if connection is None:
                return []
            rows = connection.execute("SELECT seq, host, value FROM events ORDER BY seq")
            wave = Wave()
            found = []
            for seq, host, value in rows:
                if not wave.takes(host):
                    break
                found.append(Spooled(seq, EncodedEvent(host, value)))
            rows.close()
            return found

    def remove_to(self, seq: int) -> None:
        """Forget the events up to and with a sequence number; on the disk when it returns.

        Raises:
            SpoolError: the file cannot be used.
        """
        with self._transaction() as connection:
            if connection is None:
                return
            connection.execute(
                "UPDATE size SET bytes = bytes - (SELECT coalesce(sum(length(host) + length(value) + ?), 0) "
                "FROM events WHERE seq <= ?)",
                (_ROW_BYTES, seq),
            )
            connection.execute("DELETE FROM events WHERE seq <= ?", (seq,))

    def is_empty(self) -> bool:
        """Whether nothing waits.

        Raises:
            SpoolError: the file cannot be used.
        """
        return not self.oldest(1)

    def count(self) -> int:
        """Return how many events wait.

        Raises:
            SpoolError: the file cannot be used.
        """
        with self._transaction(write=False) as connection:
            return (
                0
                if connection is None
                else int(connection.execute("SELECT count(*) FROM events").fetchone()[0])
            )

    def about(self) -> dict[str, str]:
        """Return what the file says of itself.

        Raises:
            SpoolError: the file cannot be used.
        """
        with self._transaction(write=False) as connection:
            return {} if connection is None else dict(connection.execute("SELECT name, value FROM about"))

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __del__(self) -> None:
        """Close the file of a spool that nobody holds any more; Python 3.13 warns of what is left open."""
        self.close()

    @contextmanager
    def _transaction(self, *, make: bool = False, write: bool = True) -> Iterator[sqlite3.Connection | None]:
        """Yield the connection inside a transaction; None if there is no file and none is to be made."""
        if self._connection is None and not make and not self.path.exists():
            yield None
            return
        try:
            connection = self._connection = self._connection or self._open()
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite may have rolled back by itself, as for a full disk
                    connection.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise SpoolError(f"the spool {self.path} cannot be used: {error}") from error

    def _open(self) -> sqlite3.Connection:
        """Open the file; one that is no usable database is moved aside, with what SQLite keeps beside it."""
        try:
            return self._connect()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            for ending in ("-wal", "-shm"):
                with suppress(FileNotFoundError):
                    put_aside(self.path.with_name(self.path.name + ending))
            put_aside(self.path)
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite would ask the umask only
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            self._refuse_later(connection)
            connection.execute("PRAGMA auto_vacuum=FULL")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")
            connection.executescript(_SCHEMA)
            connection.execute(f"PRAGMA user_version={_VERSION}")
            connection.executemany("INSERT OR IGNORE INTO about VALUES (?, ?)", list(self._about.items()))
        except BaseException:
            connection.close()
            raise
        return connection

    def _refuse_later(self, connection: sqlite3.Connection) -> None:
        """Leave a file alone that may hold more than this release understands."""
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise SpoolError(
                f"the spool {self.path} is of version {version}, and this release knows {_VERSION}: "
                "send it with the release that made it (`fleetfold publish --drain`)"
            )
