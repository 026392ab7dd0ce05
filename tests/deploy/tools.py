"""Tools that a newcomer's machine may lack: a test is skipped with a word there, and fails in `.ci/run`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

__all__ = ["DEPLOY", "ROOT", "lacking", "run", "tool"]

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def lacking(what: str) -> None:
    """Skip the test for want of something, or fail where everything must be there."""
    if os.environ.get("FLEETFOLD_TEST_NEED_TOOLS"):
        pytest.fail(f"{what}: .ci/run must bring it")
    pytest.skip(what)


def tool(name: str, package: str) -> str:
    """Return the path of a program; the test is skipped where it is not installed.

    Args:
        name: of the program.
        package: what brings it, for whoever reads why the test was skipped.
    """
    beside = Path(sys.prefix) / "ops" / "bin"  # what `make ops` installs
    found = shutil.which(name) or shutil.which(name, path=str(beside))
    if found is None:
        lacking(f"{name} is not installed ({package})")
    return found or name


def run(command: Sequence[str], **how: object) -> str:
    """Run a program and return what it said; a failure shows all of it."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **how)  # type: ignore[call-overload]
    said = f"{done.stdout}{done.stderr}"
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}\n{said}"
    return str(said)
