"""The lock file names every jar by version and SHA-256: what runs is what was tested, or nothing runs.

`kafka.lock.toml` beside this module is written by `python -m processor.broker.relock`.
"""

import hashlib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from processor.broker.errors import JarsError

__all__ = ["LOCK_PATH", "Jar", "format_lock", "read_lock", "sha256_of"]

LOCK_PATH = Path(__file__).with_name("kafka.lock.toml")

_HEADER = "# Written by `python -m processor.broker.relock`: the jars of Apache Kafka and what they need.\n"


@dataclass(frozen=True, slots=True, order=True)
class Jar:
    """One locked file: its Maven coordinate, what its bytes hash to, and how many they are."""

    group: str
    artifact: str
    version: str
    sha256: str
    size_bytes: int

    @property
    def coordinate(self) -> str:
        """`group:artifact:version`, as Maven tools write it."""
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def file_name(self) -> str:
        """The file's name in the cache folder."""
        return f"{self.artifact}-{self.version}.jar"


def read_lock(path: Path = LOCK_PATH) -> tuple[Jar, ...]:
    """Return the jars that a lock file names.

    Raises:
        JarsError: the file cannot be read, or names no jar, or two by one file name.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        jars = tuple(Jar(**entry) for entry in document["jar"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JarsError(f"{path.name} cannot be read: {error}; install Fleetfold again") from error
    if len({jar.file_name for jar in jars}) != len(jars):
        raise JarsError(f"{path.name} names two jars by one file name; run python -m processor.broker.relock")
    return jars


def format_lock(jars: Iterable[Jar]) -> str:
    """Return the lock file's text, sorted: the same jars always give the same bytes."""
    entries = (
        f'\n[[jar]]\ngroup = "{jar.group}"\nartifact = "{jar.artifact}"\nversion = "{jar.version}"\n'
        f'sha256 = "{jar.sha256}"\nsize_bytes = {jar.size_bytes}\n'
        for jar in sorted(jars)
    )
    return _HEADER + "".join(entries)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
