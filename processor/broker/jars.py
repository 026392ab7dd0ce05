"""Only bytes that hash as the lock file says are ever run, and a jar appears in the cache whole or not.

A missing or damaged jar is fetched into a scratch folder, verified, and renamed over its place. One
process fetches at a time; the others wait for it and find its work done.
"""

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from processor.broker.errors import BrokerStoppedError, JarsError
from processor.broker.folderlock import FileLock
from processor.broker.lockfile import Jar, sha256_of
from processor.broker.maven import maven_context
from processor.broker.progress import OnProgress, StartProgress, ignore_progress

__all__ = ["CACHE_DIR_VARIABLE", "default_cache_dir", "ensure_jars"]

CACHE_DIR_VARIABLE = "FLEETFOLD_CACHE_DIR"

_SCRATCH_PREFIX = ".fetch-"
_ATTEMPTS = 2
_WAIT_FOR_OTHER_S = 600.0

Fetch = Callable[[Jar, Path, Callable[[int], None]], Path]


def default_cache_dir() -> Path:
    """Return FLEETFOLD_CACHE_DIR, else `fleetfold` in the user's cache folder."""
    if chosen := os.environ.get(CACHE_DIR_VARIABLE):
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "fleetfold"


def fetch_with_jgo(jar: Jar, scratch: Path, on_bytes: Callable[[int], None]) -> Path:
    """Fetch one jar into a scratch folder and return its path; it is not verified here."""
    context = maven_context(scratch, on_bytes)
    return Path(context.create_dependency(jar.coordinate).artifact.resolve())


def ensure_jars(
    jars: Sequence[Jar],
    cache_dir: Path,
    on_progress: OnProgress = ignore_progress,
    cancel: threading.Event | None = None,
    fetch: Fetch = fetch_with_jgo,
) -> list[Path]:
    """Return the paths of all jars, each verified now; fetch what is missing or damaged.

    Args:
        jars: what the lock file names.
        cache_dir: the folder that keeps jars between runs; made when missing.
        on_progress: told the bytes fetched and to fetch; not called when nothing is missing.
        cancel: breaks off when set.
        fetch: gets one jar into a scratch folder and returns its path.

    Raises:
        JarsError: a jar could not be fetched, or is not the one that was locked.
        NotInstalledError: jgo is not there, and something must be fetched.
        BrokerStoppedError: `cancel` was set.
    """
    if os.pathsep in str(cache_dir):
        raise JarsError(f"Java cannot use the cache folder {cache_dir}: `{os.pathsep}` separates folders")
    folder = cache_dir / "jars"
    paths = [folder / jar.file_name for jar in jars]
    if not _unsound(jars, folder):
        return paths
    with FileLock(folder / ".lock") as lock:
        if not _acquire(lock, folder, cancel):
            raise JarsError(f"another process has been fetching into {folder} for {_WAIT_FOR_OTHER_S:.0f} s")
        for left_over in folder.glob(f"{_SCRATCH_PREFIX}*"):  # of a process that was killed while fetching
            shutil.rmtree(left_over)
        missing = _unsound(jars, folder)
        progress = _FetchProgress(sum(jar.size_bytes for jar in missing), on_progress, cancel)
        for jar in missing:
            _fetch_one(jar, folder, fetch, progress)
    return paths


def _acquire(lock: FileLock, folder: Path, cancel: threading.Event | None) -> bool:
    try:
        acquired = lock.acquire(_WAIT_FOR_OTHER_S, cancel)
    except OSError as error:
        raise JarsError(
            f"the cache folder {folder} cannot be written: {error.strerror}; set {CACHE_DIR_VARIABLE}"
        ) from error
    if cancel is not None and cancel.is_set():
        raise BrokerStoppedError("stopped while fetching")
    return acquired


def _unsound(jars: Sequence[Jar], folder: Path) -> list[Jar]:
    return [jar for jar in jars if not _sound(jar, folder / jar.file_name)]


def _sound(jar: Jar, path: Path) -> bool:
    try:
        return path.stat().st_size == jar.size_bytes and sha256_of(path) == jar.sha256
    except FileNotFoundError:
        return False


class _FetchProgress:
    """Counts bytes over all jars; a second attempt at a jar does not count twice."""

    def __init__(self, total_bytes: int, on_progress: OnProgress, cancel: threading.Event | None) -> None:
        self._total_bytes = total_bytes
        self._on_progress = on_progress
        self._cancel = cancel
        self._finished_bytes = 0
        self._current_bytes = 0

    def start_jar(self) -> None:
        self._current_bytes = 0
        self.add(0)

    def add(self, count_bytes: int) -> None:
        if self._cancel is not None and self._cancel.is_set():
            raise BrokerStoppedError("stopped while fetching")
        self._current_bytes += count_bytes
        done_bytes = min(self._finished_bytes + self._current_bytes, self._total_bytes)
        self._on_progress(StartProgress("fetch", done_bytes, self._total_bytes))

    def finish_jar(self, jar: Jar) -> None:
        self._finished_bytes += jar.size_bytes
        self._current_bytes = 0


def _fetch_one(jar: Jar, folder: Path, fetch: Fetch, progress: _FetchProgress) -> None:
    """Fetch, verify and put in place; a second attempt covers a connection that broke."""
    reason = ""
    for _attempt in range(_ATTEMPTS):
        progress.start_jar()
        with tempfile.TemporaryDirectory(prefix=_SCRATCH_PREFIX, dir=folder) as scratch:
            try:
                path = fetch(jar, Path(scratch), progress.add)
            except (OSError, RuntimeError, AssertionError) as error:  # requests' errors are OSErrors
                reason = " ".join(str(error).split()) or type(error).__name__
                continue
            if _sound(jar, path):
                path.replace(folder / jar.file_name)
                progress.finish_jar(jar)
                return
            reason = f"its SHA-256 is {sha256_of(path)}, the lock file says {jar.sha256}"
    raise JarsError(
        f"{jar.coordinate} could not be fetched: {reason}\n"
        f"Kafka's jars are fetched once, through jgo, into {folder}: look at the network, or copy a filled "
        f"cache folder here and name it in {CACHE_DIR_VARIABLE}."
    )
