"""Whoever opts out is obeyed before anything is sent: a variable for one user or job, a file for a machine.

`FLEETFOLD_OPT_OUT=1`, or the common `DO_NOT_TRACK=1`; a file `fleetfold/opt-out` (empty will do) in `/etc`,
or in `XDG_CONFIG_HOME` (`~/.config`). `0`, `false`, `no` and `off` mean that the variable says nothing: no
variable can take back what a file says.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from processor.errors import FleetfoldError

__all__ = ["VARIABLES", "OptedOutError", "opt_out_files", "opted_out"]

VARIABLES = ("FLEETFOLD_OPT_OUT", "DO_NOT_TRACK")
_SYSTEM_FILE = Path("/etc/fleetfold/opt-out")
_NO = frozenset({"", "0", "false", "no", "off"})


class OptedOutError(FleetfoldError):
    """Nothing may be published from here; the text says what forbids it."""


def opt_out_files(environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Return the files of which one is enough to opt out."""
    base = environment.get("XDG_CONFIG_HOME", "")
    home = environment.get("HOME", "")
    if base.startswith("/"):
        return _SYSTEM_FILE, Path(base) / "fleetfold" / "opt-out"
    return (_SYSTEM_FILE, Path(home) / ".config" / "fleetfold" / "opt-out") if home else (_SYSTEM_FILE,)


def opted_out(environment: Mapping[str, str] = os.environ, files: Sequence[Path] | None = None) -> str | None:
    """Return what forbids to publish, a variable or a file, or None if nothing does.

    Args:
        environment: where the variables are looked for.
        files: instead of `opt_out_files`. One that cannot be looked at counts as being there.
    """
    for name in VARIABLES:
        if environment.get(name, "").strip().lower() not in _NO:
            return f"the variable {name}"
    for file in opt_out_files(environment) if files is None else files:
        try:
            if file.exists():
                return f"the file {file}"
        except OSError:
            return f"the file {file}, which cannot be looked at"
    return None
