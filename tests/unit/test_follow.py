"""Following: what changes is read on, over every way in which logs are rotated."""

import asyncio
from pathlib import Path

import pytest

from processor.publish.bookmark import Bookmarks
from processor.publish.follow import Follower
from processor.publish.importer import ImportSummary, read_chunks, send_chunks
from processor.publish.importers.base import Source
from processor.publish.importers.ndjson import NdjsonImporter
from processor.publish.importers.registry import installed
from processor.publish.logfiles import WrongFormatError
from tests.importing import Broker


class Following:
    """A follower of one file, looking when it is told to."""

    def __init__(self, path: Path) -> None:
        self.importer = NdjsonImporter()
        self.bookmarks = Bookmarks()
        self.path = path
        self.follower = Follower([path], self.importer, installed())

    def look(self) -> list[str]:
        """Return the components of what is sent when it looks now."""
        broker, summary = Broker(), ImportSummary()
        logs = self.follower.changed(self.bookmarks)
        chunks = read_chunks(logs, self.importer, Source("h"), self.bookmarks, summary)
        asyncio.run(send_chunks(chunks, broker.send, self.bookmarks, summary))
        return [event.component_id for event in broker.events]

    def write(self, *names: str, mode: str = "ab") -> None:
        with self.path.open(mode) as file:
            file.write(lines(*names))


def lines(*names: str) -> bytes:
    return b"".join(b'{"component_id":"%s","outcome_type":"deprecated"}\n' % name.encode() for name in names)


@pytest.fixture
def following(tmp_path: Path) -> Following:
    return Following(tmp_path / "events.ndjson")


def test_what_is_appended(following: Following) -> None:
    """Each line is sent once it is whole, and a look without a change reads nothing."""
    assert following.look() == []  # the file is not there yet
    following.write("a", "b")
    assert following.look() == ["a", "b"]
    assert following.follower.changed(following.bookmarks) == []
    with following.path.open("ab") as file:
        file.write(lines("c")[:10])
        file.flush()
        assert following.look() == []
        file.write(lines("c")[10:])
    assert following.look() == ["c"]


@pytest.mark.parametrize("first", ["a", "x"])
def test_rotation_by_rename(following: Following, first: str) -> None:
    """What was written before the rename and not yet read is read, then the new file."""
    following.write("a")
    assert following.look() == ["a"]
    following.write("b")
    following.path.rename(f"{following.path}.1")
    following.write(first, "d")
    assert following.look() == ["b", first, "d"]
    following.write("e")
    assert following.look() == ["e"]


@pytest.mark.parametrize("first", ["a", "x"])
def test_rotation_by_copy_and_truncate(following: Following, first: str) -> None:
    """What was copied and not yet read is read from the copy; the truncated file is a new one."""
    following.write("a", "b")
    assert following.look() == ["a", "b"]
    following.write("c")
    Path(f"{following.path}.1").write_bytes(following.path.read_bytes())
    following.write(first, mode="wb")
    assert following.look() == ["c", first]


@pytest.mark.parametrize("first", ["a", "x"])
def test_truncation(following: Following, first: str) -> None:
    """A file that begins anew is read from its start, though its first line may be the old one."""
    following.write("a", "b", "c")
    assert following.look() == ["a", "b", "c"]
    following.write(mode="wb")
    assert following.look() == []
    following.write(first, "e")
    assert following.look() == [first, "e"]


def test_two_rotations_between_two_looks(following: Following) -> None:
    """A file that came and went between two looks is found; what was rotated before the start is not."""
    Path(f"{following.path}.5").write_bytes(lines("long ago"))
    following.write("a")
    assert following.look() == ["a"]
    following.path.rename(f"{following.path}.2")
    Path(f"{following.path}.1").write_bytes(lines("b", "c"))
    following.write("d")
    assert following.look() == ["b", "c", "d"]


def test_missing_for_a_moment(following: Following) -> None:
    """A file that is away while it is rotated is waited for."""
    following.write("a")
    assert following.look() == ["a"]
    following.path.rename(f"{following.path}.1")
    assert following.look() == []
    following.write("b")
    assert following.look() == ["b"]


def test_pass_that_failed(following: Following) -> None:
    """After a pass that was not brought to its end the next look takes everything as changed."""
    following.write("a")
    assert len(following.follower.changed(following.bookmarks)) == 1
    assert following.follower.changed(following.bookmarks) == []
    following.follower.forget()
    assert following.look() == ["a"]


def test_folder(tmp_path: Path) -> None:
    """A folder is followed as a whole, with what comes into it later."""
    following = Following(tmp_path)
    (tmp_path / "one.ndjson").write_bytes(lines("a"))
    assert following.look() == ["a"]
    (tmp_path / "two.ndjson").write_bytes(lines("b"))
    assert following.look() == ["b"]


def test_file_of_another_format(following: Following) -> None:
    """X10: a file of another format is told, as without following."""
    following.path.write_bytes(b"2026-01-02 03:04:05 startup archives unpack\n")
    with pytest.raises(WrongFormatError, match="import dpkg"):
        following.look()
