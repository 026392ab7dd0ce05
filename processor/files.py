"""A file of ours is the old one or the new one, never half of either, and never gone."""

import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

__all__ = ["put_aside", "write_atomically"]

_NEW_FILE_MODE = 0o666  # less the process's umask, as `open` does it
_ASIDE_NAME_MAX = 200  # of 255 bytes, so that there is room for the ending


def write_atomically(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Replace a file's content at once: after a crash it is the old one or the new one.

    A missing folder is made, a file that is there keeps its mode, and a link stays a link.

    Args:
        path: the file.
        content: all of it, or its parts one after the other.

    Raises:
        OSError: it cannot be written; what was there is as it was.
    """
    parts = (content,) if isinstance(content, bytes) else content
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".fleetfold-{secrets.token_hex(8)}.tmp"
    try:
        _write_new(temporary, parts, _mode_of(target))
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _mode_of(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None


def _write_new(path: Path, parts: Iterable[bytes], mode: int | None) -> None:
    """Write a new file to the disk, with a mode that is never wider than the one wanted."""
    created_mode = _NEW_FILE_MODE if mode is None else mode & _NEW_FILE_MODE
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, created_mode), "wb") as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Write the new name to the disk too; some file systems cannot, and then it is as safe as it gets."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put_aside(path: Path) -> Path:
    """Move a file to a name of its own beside it, `NAME.corrupt-N`, over no other file; returns the new path.

    Raises:
        OSError: it cannot be moved; it is where it was.
    """
    target = Path(os.path.realpath(path))
    stem = os.fsdecode(os.fsencode(target.name)[:_ASIDE_NAME_MAX])
    number = 1
    while True:
        aside = target.with_name(f"{stem}.corrupt-{number}")
        try:
            aside.touch(exist_ok=False)  # takes the name; to look first would leave a gap for another process
        except FileExistsError:
            number += 1
            continue
        try:
            return target.replace(aside)
        except BaseException:
            aside.unlink()
            raise
