"""A bookmark says how much of a log has been acknowledged, so that importing it again sends only what is new.

It is kept per cluster, topic, host and importer, and in it per file, by the file's identity. `offset` is
where reading goes on: the end of the last clean point. `sent` may be further: outcomes on lines that end
at or before it are acknowledged, though their stretch was not sent to its end. It is written after each
acknowledged chunk, atomically: a crash leaves the old bookmark or the new one, and what was sent but not
marked is sent again with the same event ids.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from processor.errors import FleetfoldError
from processor.publish.importers.base import Carry
from processor.publish.state import default_state_dir

__all__ = ["BookmarkError", "Bookmarks", "Mark", "default_state_dir", "open_bookmarks"]

_VERSION = 2
_CARRY_OF_V1 = ("last_us", "call", "broken", "removed")


class BookmarkError(FleetfoldError):
    """The bookmark cannot be read, written or locked."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far one file is done, in decompressed bytes.

    `events` of it have been acknowledged; `carry` is what a reader needs at `offset`; `last` is where the
    line before `offset` begins and a digest of it, for formats whose files may begin alike.
    """

    offset: int = 0
    sent: int = 0
    events: int = 0
    carry: Carry = field(default_factory=dict)
    last: tuple[int, str] = (0, "")


class Bookmarks:
    """The marks of one cluster, topic, host and importer, by file identity.

    Args:
        path: the file that keeps them; None keeps them in memory only.
        about: what they are for, written into the file for people who look at it.
        marks: those that were saved.
    """

    def __init__(
        self,
        path: Path | None = None,
        about: Mapping[str, str] | None = None,
        marks: Mapping[str, Mark] | None = None,
    ) -> None:
        self._path = path
        self._about = dict(about or {})
        self._marks = dict(marks or {})

    def get(self, identity: str) -> Mark:
        """Return a file's mark; the beginning for a file that is not known."""
        return self._marks.get(identity, Mark())

    def knows(self, identity: str) -> bool:
        """Return whether a file was read before."""
        return identity in self._marks

    def put(self, marks: Mapping[str, Mark]) -> None:
        """Take marks and write them to disk before returning.

        Raises:
            BookmarkError: the disk is full or the folder not writable.
        """
        self._marks.update(marks)
        if self._path is None:
            return
        files = {identity: _to_dict(mark) for identity, mark in self._marks.items()}
        text = orjson.dumps({"v": _VERSION, **self._about, "files": files}, option=orjson.OPT_INDENT_2)
        try:
            _write_atomically(self._path, text)
        except OSError as error:
            raise BookmarkError(
                f"cannot write the bookmark {self._path}: {error.strerror or error}"
            ) from error


@contextmanager
def open_bookmarks(
    state_dir: Path,
    cluster: str,
    topic: str,
    host_id: str,
    importer: str = "dpkg",
    rivals: Iterable[str] = (),
) -> Iterator[Bookmarks]:
    """Read the bookmark of a cluster, topic, host and importer, and keep others out of it for the block.

    Args:
        state_dir: the folder that keeps bookmarks.
        cluster: the id of the Kafka cluster.
        topic: where events are sent.
        host_id: whose files they are.
        importer: the importer's name.
        rivals: names of importers that tell of the same events.

    Raises:
        BookmarkError: it is damaged, another import holds it, or the folder cannot be used; or a rival has
            a bookmark for this host, whose events would be counted twice.
    """
    about = {"cluster": cluster, "topic": topic, "host_id": host_id}
    name = hashlib.blake2b(
        "\0".join(about.values()).encode("utf-8", "surrogatepass"), digest_size=8
    ).hexdigest()
    path = state_dir / f"{importer}-{name}.json"
    for rival in rivals:
        if (other := state_dir / f"{rival}-{name}.json").exists():
            raise BookmarkError(
                f"`fleetfold import {rival}` was used for this host before, and tells of the same events: "
                f"they would count twice. Go on with {rival}, or give another --host (bookmark: {other})"
            )
    with _locked(path.with_suffix(".lock")):
        yield Bookmarks(path, {"importer": importer, **about}, _load(path))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BookmarkError(
            f"cannot use the state folder {path.parent}: {error.strerror or error}"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BookmarkError(f"another import holds {path}: wait until it is done") from error
        yield
    finally:
        os.close(descriptor)


def _load(path: Path) -> dict[str, Mark]:
    try:
        return _parse(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BookmarkError(
            f"the bookmark {path} is not usable ({type(error).__name__}: {error}). Move it away to import "
            "everything again; events that were sent before are then counted twice, except each host's last"
        ) from error


def _parse(text: bytes) -> dict[str, Mark]:
    data = orjson.loads(text)
    version = data["v"]
    if version not in {1, _VERSION}:
        raise ValueError(f"version {version} is not known")
    return {identity: _from_dict(entry, version) for identity, entry in data["files"].items()}


def _to_dict(mark: Mark) -> dict[str, Any]:
    return {
        "offset": mark.offset,
        "sent": mark.sent,
        "events": mark.events,
        "carry": dict(mark.carry),
        "last": list(mark.last),
    }


def _from_dict(entry: Mapping[str, Any], version: int) -> Mark:
    offset, sent, events = int(entry["offset"]), int(entry["sent"]), int(entry["events"])
    if version == 1:  # written when dpkg's was the only importer
        return Mark(offset, sent, events, {name: entry[name] for name in _CARRY_OF_V1})
    last_start, last_digest = entry["last"]
    return Mark(offset, sent, events, dict(entry["carry"]), (int(last_start), str(last_digest)))


def _write_atomically(path: Path, data: bytes) -> None:
    draft = path.with_suffix(".new")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems cannot sync a folder; the rename stands all the same
            os.fsync(folder)
    finally:
        os.close(folder)
