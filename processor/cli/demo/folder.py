"""A demo begins with an empty folder, and empties only what a demo before it made.

The folder carries a marker that is locked while a demo runs: a second demo in the same place says so
instead of deleting a running broker's data, and a folder of someone else's is never emptied.
"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processor.errors import FleetfoldError

__all__ = ["DemoFolderError", "fresh_folder"]

_MARKER = "made-by-fleetfold-demo"


class DemoFolderError(FleetfoldError):
    """The folder cannot be used for a demo."""


@contextmanager
def fresh_folder(path: Path) -> Iterator[Path]:
    """Yield the folder, emptied and held until the block ends; what the demo leaves in it stays.

    Raises:
        DemoFolderError: it holds something else, another demo runs in it, or it cannot be written.
    """
    path = path.absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()) and not (path / _MARKER).exists():
            raise DemoFolderError(f"{path} holds something that no demo made: name another with --data-dir")
        marker = (path / _MARKER).open("w")
    except OSError as error:
        raise DemoFolderError(f"cannot use {path} for the demo: {error.strerror or error}") from error
    with marker:
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoFolderError(
                f"another demo runs in {path}: stop it, or name another with --data-dir"
            ) from error
        for entry in path.iterdir():
            if entry.name == _MARKER:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        yield path
