"""A host is told from others without saying which machine it is: its id is a salted hash of the machine's id.

`/etc/machine-id` must not leave the machine as it is (machine-id(5)). With the public salt below anyone
who knows a machine's id can find its host id; set `FLEETFOLD_HOST_SALT` to a secret of your own, the
same on every machine, and nobody else can. A change of the salt makes every machine a new host.
"""

import hashlib
import os
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from processor.errors import FleetfoldError
from schemas import HOST_ID_MAX

__all__ = ["PUBLIC_SALT", "HostError", "distribution_of", "host_id_from"]

PUBLIC_SALT = "fleetfold-public-salt-1"
_MACHINE_ID_FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_OS_RELEASE_FILES = (Path("/etc/os-release"), Path("/usr/lib/os-release"))
_OS_ID = re.compile(r"^ID=[\"']?([a-z0-9._-]+)[\"']?\s*$", re.MULTILINE)


class HostError(FleetfoldError):
    """This machine has no id of its own, and none was given."""


def host_id_from(
    given: str | None = None,
    environment: Mapping[str, str] = os.environ,
    files: Sequence[Path] = _MACHINE_ID_FILES,
) -> str:
    """Return the host id: the one given, else `FLEETFOLD_HOST_ID`, else 32 hex digits from the machine's id.

    Args:
        given: what the command line says, if it says anything.
        environment: where `FLEETFOLD_HOST_ID` and `FLEETFOLD_HOST_SALT` are looked for.
        files: where the machine's id is looked for; the first that holds one counts.

    Raises:
        HostError: a given id is empty or too long, or no file holds a machine id.
    """
    named = environment.get("FLEETFOLD_HOST_ID") or None if given is None else given
    if named is not None:
        if not 1 <= len(named) <= HOST_ID_MAX:
            raise HostError(f"a host id has 1 to {HOST_ID_MAX} characters, this one has {len(named)}")
        if not named.isprintable() or any("\ud800" <= character <= "\udfff" for character in named):
            raise HostError("a host id is printable text")
        return named
    salt = environment.get("FLEETFOLD_HOST_SALT") or PUBLIC_SALT
    machine_id = _machine_id(files)
    key = hashlib.blake2b(salt.encode(), digest_size=32).digest()
    return hashlib.blake2b(machine_id.encode(), key=key, digest_size=16).hexdigest()


def distribution_of(files: Sequence[Path] = _OS_RELEASE_FILES) -> str:
    """Return the `ID` of os-release, such as "debian" or "ubuntu"; "debian" where there is none."""
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if found := _OS_ID.search(text):
            return found[1]
    return "debian"


def _machine_id(files: Sequence[Path]) -> str:
    for file in files:
        try:
            text = file.read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            continue
        if text and text != "uninitialized":
            return text
    names = " or ".join(map(str, files))
    raise HostError(f"{platform.node() or 'this machine'} has no id in {names}: give one with --host")
