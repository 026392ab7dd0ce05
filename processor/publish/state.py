"""Where this machine's publishers keep what must outlive them: bookmarks and the spool."""

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["default_state_dir", "state_dir_from"]


def default_state_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """Return `fleetfold` in `XDG_STATE_HOME`, or in `.local/state` of the home folder."""
    base = environment.get("XDG_STATE_HOME") or ""
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "fleetfold"


def state_dir_from(environment: Mapping[str, str] = os.environ) -> Path:
    """Return `FLEETFOLD_STATE_DIR`, or the default."""
    given = environment.get("FLEETFOLD_STATE_DIR")
    return Path(given) if given else default_state_dir(environment)
