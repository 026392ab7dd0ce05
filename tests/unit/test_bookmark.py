"""The bookmark: what is kept, where, and who may hold it."""

from pathlib import Path

import orjson
import pytest

from processor.publish.bookmark import BookmarkError, Mark, default_state_dir, open_bookmarks

CARRY = {"last_us": 1_700_000_000_000_000, "call": "archives unpack", "broken": True, "removed": ["a:all"]}
MARK = Mark(10, 20, 3, CARRY, (4, "digest"))


def test_marks_survive(tmp_path: Path) -> None:
    """What was put is there the next time, with all that a reader needs to go on."""
    with open_bookmarks(tmp_path / "new", "cluster", "topic", "host") as bookmarks:
        assert bookmarks.get("f") == Mark()
        bookmarks.put({"f": MARK})
        bookmarks.put({"g": Mark(1, 1)})
    with open_bookmarks(tmp_path / "new", "cluster", "topic", "host") as bookmarks:
        assert (bookmarks.get("f"), bookmarks.get("g")) == (MARK, Mark(1, 1))


@pytest.mark.parametrize("other", [("c2", "t", "h"), ("c", "t2", "h"), ("c", "t", "h2")])
def test_each_cluster_topic_and_host_has_its_own(tmp_path: Path, other: tuple[str, str, str]) -> None:
    """What one Kafka has acknowledged says nothing about another."""
    with open_bookmarks(tmp_path, "c", "t", "h") as bookmarks:
        bookmarks.put({"f": MARK})
    with open_bookmarks(tmp_path, *other) as bookmarks:
        assert bookmarks.get("f") == Mark()


def test_one_import_at_a_time(tmp_path: Path) -> None:
    """Two imports of the same logs at once would send everything twice: the second is turned away."""
    with (
        open_bookmarks(tmp_path, "c", "t", "h"),
        pytest.raises(BookmarkError, match="another import"),
        open_bookmarks(tmp_path, "c", "t", "h"),
    ):
        pytest.fail("the lock was taken twice")


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"v": 3, "files": {}}', b'{"v": 2, "files": {"f": {}}}']
)
def test_damaged_bookmark(tmp_path: Path, text: bytes) -> None:
    """A bookmark that cannot be read stops the import and is left as it is: guessing would count twice."""
    with open_bookmarks(tmp_path, "c", "t", "h") as bookmarks:
        bookmarks.put({"f": MARK})
    (path,) = tmp_path.glob("*.json")
    path.write_bytes(text)
    with pytest.raises(BookmarkError, match="not usable"), open_bookmarks(tmp_path, "c", "t", "h"):
        pytest.fail("a damaged bookmark was used")
    assert path.read_bytes() == text


def test_bookmark_of_the_first_version(tmp_path: Path) -> None:
    """A bookmark that was written when dpkg's was the only importer is read on: nothing is sent again."""
    with open_bookmarks(tmp_path, "c", "t", "h") as bookmarks:
        bookmarks.put({})
    (path,) = tmp_path.glob("*.json")
    path.write_bytes(orjson.dumps({"v": 1, "files": {"f": {"offset": 10, "sent": 20, "events": 3, **CARRY}}}))
    with open_bookmarks(tmp_path, "c", "t", "h") as bookmarks:
        assert bookmarks.get("f") == Mark(10, 20, 3, CARRY)


def test_rival_importer(tmp_path: Path) -> None:
    """Two importers that tell of the same events do not both send a host's: the second is turned away."""
    with open_bookmarks(tmp_path, "c", "t", "h", "dpkg", ["apt"]) as bookmarks:
        bookmarks.put({"f": MARK})
    with (
        pytest.raises(BookmarkError, match="fleetfold import dpkg"),
        open_bookmarks(tmp_path, "c", "t", "h", "apt", ["dpkg"]),
    ):
        pytest.fail("both importers were used")
    with open_bookmarks(tmp_path, "c", "t", "other", "apt", ["dpkg"]) as bookmarks:
        assert not bookmarks.knows("f")


def test_file_says_what_it_is_for(tmp_path: Path) -> None:
    """Somebody who looks into the state folder sees which cluster, topic and host a bookmark belongs to."""
    with open_bookmarks(tmp_path, "c", "t", "h") as bookmarks:
        bookmarks.put({"f": MARK})
    (path,) = tmp_path.glob("*.json")
    data = orjson.loads(path.read_bytes())
    assert (data["cluster"], data["topic"], data["host_id"], data["files"]["f"]["sent"]) == (
        "c",
        "t",
        "h",
        20,
    )


def test_state_folder_that_cannot_be_used(tmp_path: Path) -> None:
    """X10: a state folder that is a file is one clear line."""
    (tmp_path / "file").touch()
    with pytest.raises(BookmarkError, match="state folder"), open_bookmarks(tmp_path / "file", "c", "t", "h"):
        pytest.fail("a file was used as a folder")


def test_default_folder() -> None:
    """The state folder follows XDG_STATE_HOME when that is an absolute path."""
    assert default_state_dir({"XDG_STATE_HOME": "/var/x"}) == Path("/var/x/fleetfold")
    home = Path.home() / ".local/state/fleetfold"
    assert default_state_dir({"XDG_STATE_HOME": "x"}) == default_state_dir({}) == home
