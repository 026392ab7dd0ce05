"""Real apt at work in a scratch root, on tiny packages made on the spot: history.log, term.log and dpkg.log.

`python -m tests.apt_sandbox FOLDER` records the three logs of one machine's life; that is how tests/data/apt
was made. apt reads no list of the machine's and needs no network; the zone is UTC.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.dpkg_sandbox import Sandbox
from tests.dpkg_sandbox import why_not as why_no_dpkg

__all__ = ["record", "why_not"]

_LOGS = ("history.log", "term.log")


def why_not() -> str:
    """Return why apt cannot be used here, or nothing if it can."""
    return why_no_dpkg() or ("" if shutil.which("apt-get") else "there is no apt here")


class AptSandbox(Sandbox):
    """A dpkg sandbox with apt on top."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.apt_logs = folder / "root/var/log/apt"
        for name in ("var/log/apt", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "etc/apt"):
            (folder / "root" / name).mkdir(parents=True, exist_ok=True)

    def apt(self, *arguments: str | Path) -> None:
        """Run apt-get; that it fails may be what a step is about."""
        root = self._folder / "root"
        options = {
            "Dir": root,
            "Dir::State::status": root / "var/lib/dpkg/status",
            "Dir::Bin::dpkg": "/usr/bin/dpkg",
            "Dir::Bin::methods": "/usr/lib/apt/methods",
            "Dpkg::Use-Pty": "true",
            "APT::Sandbox::User": "root",
            "APT::Architecture": "amd64",
            "Debug::NoLocking": "true",
        }
        flags = [f"-o{name}={value}" for name, value in options.items()]
        flags += [f"-oDPkg::Options::=--{each}" for each in self._dpkg_options()]
        environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        environment.pop("APT_CONFIG", None)
        subprocess.run(  # a scratch root
            ["apt-get", "-y", *flags, *arguments],  # noqa: S607  # the apt of the machine
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=environment,
        )

    def _dpkg_options(self) -> list[str]:
        root = self._folder / "root"
        return [f"root={root}", f"log={self.log}", "force-not-root", "force-script-chrootless"]


def record(folder: Path) -> dict[str, bytes]:
    """Play a machine's life under an empty folder, and return its three logs by name."""
    box = AptSandbox(folder)
    box.apt("install", box.package("good"), box.package("other"))
    box.apt("install", box.package("good", "2"))
    bad = box.package("bad", scripts={"postinst": "echo 'cannot reach the licence server' >&2\nexit 1"})
    box.apt("install", bad, box.package("needy", depends="bad"), box.package("fine"))
    box.apt("remove", "bad", "needy")
    box.apt("install", box.package("worse", scripts={"preinst": "echo 'no space for worse' >&2\nexit 7"}))
    box.apt("install", "--reinstall", box.package("other", "1.1"))
    box.apt("remove", "good")
    box.apt("purge", "other")
    box.apt("install", box.package("fine", "2", {"prerm": "exit 0", "preinst": "exit 3"}))
    return {name: (box.apt_logs / name).read_bytes() for name in _LOGS} | {"dpkg.log": box.log.read_bytes()}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="box-") as _scratch:
        for _name, _text in record(Path(_scratch)).items():
            neutral = _text.replace(_scratch.encode(), b"/home/someone/box")
            Path(sys.argv[1], _name).write_bytes(neutral)
