"""Real dpkg at work in a scratch root: it changes nothing outside, and writes the log that it always writes.

`python -m tests.dpkg_sandbox FOLDER` records one log per scenario; that is how tests/data/dpkg was made.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["SCENARIOS", "record", "why_not"]

_CONTROL = """Package: {name}
Version: {version}
Architecture: all
Maintainer: Fleetfold <fleetfold@example.org>
{depends}Description: a package for a test
"""


def why_not() -> str:
    """Return why dpkg cannot be used here, or nothing if it can."""
    if shutil.which("dpkg") is None or shutil.which("dpkg-deb") is None:
        return "there is no dpkg here"
    if os.geteuid() != 0:
        return "dpkg needs root to unpack into a scratch root"
    return ""


class Sandbox:
    """A root of its own with a dpkg database, a log, and tiny packages made on the spot."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = folder / "root"
        self.log = folder / "dpkg.log"
        for name in ("updates", "info"):
            (self._root / "var/lib/dpkg" / name).mkdir(parents=True)
        for name in ("status", "available"):
            (self._root / "var/lib/dpkg" / name).touch()

    def package(
        self,
        name: str,
        version: str = "1",
        scripts: Mapping[str, str] | None = None,
        depends: str = "",
        config: str = "",
    ) -> Path:
        """Build a package with maintainer scripts (`postinst` and so on), perhaps with a conffile."""
        tree = self._folder / f"{name}-{version}"
        (tree / "DEBIAN").mkdir(parents=True)
        line = f"Depends: {depends}\n" if depends else ""
        (tree / "DEBIAN/control").write_text(_CONTROL.format(name=name, version=version, depends=line))
        for script, body in (scripts or {}).items():
            path = tree / "DEBIAN" / script
            path.write_text(f"#!/bin/sh\n{body}\n")
            path.chmod(0o755)
        if config:
            (tree / "etc").mkdir()
            (tree / "etc" / name).write_text(config)
            (tree / "DEBIAN/conffiles").write_text(f"/etc/{name}\n")
        built = tree.with_suffix(".deb")
        subprocess.run(["dpkg-deb", "--build", tree, built], check=True, capture_output=True)  # noqa: S607  # the dpkg of the machine
        return built

    def dpkg(self, *arguments: str | Path) -> None:
        """Run dpkg; that it fails may be what a scenario is about."""
        options = [
            f"--root={self._root}",
            f"--log={self.log}",
            "--force-not-root",
            "--force-script-chrootless",
        ]
        environment = {**os.environ, "TZ": "UTC", "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
        subprocess.run(  # a scratch root
            ["dpkg", *options, *arguments],  # noqa: S607  # the dpkg of the machine
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=environment,
        )

    def edit(self, path: str, text: str) -> None:
        """Change a file as its owner would."""
        (self._root / path).write_text(text)


def _install(box: Sandbox) -> None:
    box.dpkg("-i", box.package("good"))


def _failing_postinst(box: Sandbox) -> None:
    box.dpkg("-i", box.package("bad", scripts={"postinst": "exit 1"}))


def _failing_preinst(box: Sandbox) -> None:
    box.dpkg("-i", box.package("bad", scripts={"preinst": "exit 1"}))


def _upgrade(box: Sandbox) -> None:
    box.dpkg("-i", box.package("good"))
    box.dpkg("-i", box.package("good", "2"))


def _upgrade_rolled_back(box: Sandbox) -> None:
    box.dpkg("-i", box.package("good"))
    box.dpkg("-i", box.package("good", "2", {"preinst": '[ "$1" != upgrade ]'}))


def _upgrade_failing_postinst(box: Sandbox) -> None:
    box.dpkg("-i", box.package("good"))
    box.dpkg("-i", box.package("good", "2", {"postinst": "exit 1"}))
    box.dpkg("-i", box.package("good", "3"))


def _reinstall(box: Sandbox) -> None:
    package = box.package("good")
    box.dpkg("-i", package)
    box.dpkg("-i", package)


def _dependency_missing(box: Sandbox) -> None:
    box.dpkg("-i", box.package("needy", depends="nowhere"))


def _failing_removal(box: Sandbox) -> None:
    box.dpkg("-i", box.package("before", scripts={"prerm": "exit 1"}))
    box.dpkg("-r", "before")
    box.dpkg("-i", box.package("after", scripts={"postrm": "exit 1"}))
    box.dpkg("-r", "after")


def _remove(box: Sandbox) -> None:
    box.dpkg("-i", box.package("good"))
    box.dpkg("-r", "good")


def _purge(box: Sandbox) -> None:
    box.dpkg("-i", box.package("good", config="a\n"))
    box.dpkg("-P", "good")


def _remove_and_install_again(box: Sandbox) -> None:
    package = box.package("good", config="a\n")
    box.dpkg("-i", package)
    box.dpkg("-r", "good")
    box.dpkg("-i", package)


def _unpack_then_configure(box: Sandbox) -> None:
    box.dpkg("--unpack", box.package("good"), box.package("other"))
    box.dpkg("--configure", "good", "other")


def _several_at_once(box: Sandbox) -> None:
    good = box.package("good")
    bad = box.package("bad", scripts={"postinst": "exit 1"})
    worse = box.package("worse", scripts={"preinst": "exit 1"})
    box.dpkg("-i", bad, worse, good)
    box.dpkg("--configure", "bad")


def _conffile_unanswered(box: Sandbox) -> None:
    box.dpkg("-i", box.package("good", config="a\n"))
    box.edit("etc/good", "mine\n")
    newer = box.package("good", "2", config="b\n")
    box.dpkg("-i", newer)
    box.dpkg("--force-confold", "-i", newer)


SCENARIOS: Mapping[str, Callable[[Sandbox], None]] = {
    "install": _install,
    "failing-postinst": _failing_postinst,
    "failing-preinst": _failing_preinst,
    "upgrade": _upgrade,
    "upgrade-rolled-back": _upgrade_rolled_back,
    "upgrade-failing-postinst": _upgrade_failing_postinst,
    "reinstall": _reinstall,
    "dependency-missing": _dependency_missing,
    "failing-removal": _failing_removal,
    "remove": _remove,
    "purge": _purge,
    "remove-and-install-again": _remove_and_install_again,
    "unpack-then-configure": _unpack_then_configure,
    "several-at-once": _several_at_once,
    "conffile-unanswered": _conffile_unanswered,
}


def record(scenario: str, folder: Path) -> bytes:
    """Play a scenario in a scratch root under an empty folder, and return the log that dpkg wrote."""
    box = Sandbox(folder)
    SCENARIOS[scenario](box)
    return box.log.read_bytes()


if __name__ == "__main__":
    for _scenario in SCENARIOS:
        with tempfile.TemporaryDirectory() as _scratch:
            Path(sys.argv[1], f"{_scenario}.log").write_bytes(record(_scenario, Path(_scratch)))
