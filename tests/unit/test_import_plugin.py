"""The importer in processor/publish/README.md, installed as a plugin, does what the page says."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "processor" / "publish" / "README.md").read_text(encoding="utf-8")
LOG = b"""2026-01-02T03:04:05Z installed fd
2026-01-02T03:04:06Z failed ripgrep no space left
rubbish
2026-01-02T03:04:07Z removed fd
"""


def documented(language: str) -> str:
    """Return the one block of a language on the page, exactly as it stands there."""
    (block,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(block)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder that holds the documented importer as pip would have installed it."""
    project = tomllib.loads(documented("toml"))["project"]
    folder = tmp_path / "site"
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    points = project["entry-points"]["fleetfold.importers"]
    (module,) = {target.partition(":")[0] for target in points.values()}
    (folder / f"{module}.py").write_text(documented("python"), encoding="utf-8")
    lines = ["[fleetfold.importers]", *(f"{name} = {target}" for name, target in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    return folder


def fleetfold(site: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # our own command
        [sys.executable, "-m", "processor.cli.main", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(site)},
    )


def test_documented_importer(site: Path, tmp_path: Path) -> None:
    """A plugin is listed beside the built-in importers, reads its format, and tells of bad lines."""
    listed = {each["name"]: each for each in json.loads(fleetfold(site, "import", "--list", "--json").stdout)}
    assert listed["box"] == {
        "name": "box",
        "package": "fleetfold-box",
        "usable": True,
        "about": "box.log: what box installed and removed",
    }
    assert listed["dpkg"]["package"] == "fleetfold"
    (tmp_path / "box.log").write_bytes(LOG)
    done = fleetfold(site, "import", "box", str(tmp_path), "--dry-run", "--json", "--host", "h")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert [(each["component_id"], each["outcome_type"], each["context"]) for each in told["events"]] == [
        ("pkg:box/fd", "install_success", ""),
        ("pkg:box/ripgrep", "install_failure", "no space left"),
        ("pkg:box/fd", "removed_by_user", ""),
    ]
    assert "line 3" in told["complaints"][0]


def test_documented_importer_is_short() -> None:
    """The page shows a whole importer in thirty lines."""
    assert len([line for line in documented("python").splitlines() if line.strip()]) <= 30


def test_foreign_format_is_no_plugin_s(site: Path, tmp_path: Path) -> None:
    """A plugin's files are recognised for those who give them to another importer."""
    (tmp_path / "box.log").write_bytes(LOG)
    done = fleetfold(site, "import", "dpkg", str(tmp_path / "box.log"), "--dry-run", "--host", "h")
    assert done.returncode == 2
    assert "looks like something for `fleetfold import box`" in done.stderr


def test_broken_plugin(site: Path) -> None:
    """A plugin that cannot be loaded stands in nobody's way, and using it says why."""
    (site / "box_importer.py").write_text("raise RuntimeError('needs box 2')\n", encoding="utf-8")
    listed = {each["name"]: each for each in json.loads(fleetfold(site, "import", "--list", "--json").stdout)}
    assert listed["box"]["usable"] is False
    assert listed["dpkg"]["usable"] is True
    done = fleetfold(site, "import", "box", "x", "--dry-run")
    assert done.returncode == 2
    assert "fleetfold-box" in done.stderr
    assert "needs box 2" in done.stderr
