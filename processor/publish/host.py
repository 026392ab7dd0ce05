"""A host is told from others without saying which machine it is: its id is a salted hash of its name.

The name is the one given, or the machine's own id: `/etc/machine-id` must not leave the machine as it is
(machine-id(5)). With the public salt below anyone who knows a name can find its host id; set
`FLEETFOLD_HOST_SALT` to a secret of your own, the same on every machine of the fleet, and nobody else can. A
change of the salt makes every machine a new host. `FLEETFOLD_PLAIN_HOST` and `--plain-host` turn hashing off:
then a given name stands as it is, and without one the machine's host name.
"""

import hashlib
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from processor.errors import FleetfoldError
from processor.settings import load_settings
from schemas import HOST_ID_MAX

__all__ = ["PUBLIC_SALT", "HostError", "distribution_of", "hash_host", "host_id_from"]

PUBLIC_SALT = "fleetfold-public-salt-1"
_MACHINE_ID_FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_OS_RELEASE_FILES = (Path("/etc/os-release"), Path("/usr/lib/os-release"))
_OS_ID = re.compile(r"^ID=[\"']?([a-z0-9._-]+)[\"']?\s*$", re.MULTILINE)


class HostError(FleetfoldError):
    """This machine has no id of its own, and none was given."""


def host_id_from(
    given: str | None = None,
    environment: Mapping[str, str] | None = None,
    files: Sequence[Path] = _MACHINE_ID_FILES,
    *,
    plain: bool | None = None,
) -> str:
    """Return the host id of a name: the one given, else `FLEETFOLD_HOST_ID`, else the machine's.

    Args:
        given: what the command line says, if it says anything.
        environment: where the name, the salt and `FLEETFOLD_PLAIN_HOST` are looked for; by default the
            settings: the process's environment, then `.env`.
        files: where the machine's id is looked for; the first that holds one counts.
        plain: whether the name stands as it is; None: what the environment says.

    Returns:
        32 hex digits, or the plain name.

    Raises:
        HostError: a given name is empty or too long, or no file holds a machine id.
        SettingsError: a setting cannot work.
    """
    named, salt, plain_set = _settings() if environment is None else _from_mapping(environment)
    name = named if given is None else given
    plain = plain_set if plain is None else plain
    if name is None:
        name = _host_name() if plain else _machine_id(files)
    if not 1 <= len(name) <= HOST_ID_MAX:
        raise HostError(f"a host id has 1 to {HOST_ID_MAX} characters, this one has {len(name)}")
    if not name.isprintable() or any("\ud800" <= character <= "\udfff" for character in name):
        raise HostError("a host id is printable text")
    return name if plain else hash_host(name, salt)


def hash_host(name: str, salt: str = "") -> str:
    """Return 32 hex digits that stand for a name; another salt gives others ("": the public one).

    Raises:
        UnicodeEncodeError: the name holds a lone surrogate.
    """
    key = hashlib.blake2b((salt or PUBLIC_SALT).encode(), digest_size=32).digest()
    return hashlib.blake2b(name.encode(), key=key, digest_size=16).hexdigest()


def _settings() -> tuple[str | None, str, bool]:
    settings = load_settings()
    return settings.host_id or None, settings.host_salt.get_secret_value(), settings.plain_host


def _from_mapping(environment: Mapping[str, str]) -> tuple[str | None, str, bool]:
    plain = environment.get("FLEETFOLD_PLAIN_HOST", "").lower() in {"1", "true", "yes", "on"}
    return environment.get("FLEETFOLD_HOST_ID") or None, environment.get("FLEETFOLD_HOST_SALT", ""), plain


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


def _host_name() -> str:
    name = platform.node()
    if not name:
        raise HostError("this machine has no host name: give one with --host")
    return name


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
