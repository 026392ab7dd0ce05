"""Wheel and source archive hold what a user needs, and the lock all that they need beside it."""

import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.deploy.tools import DEPLOY, ROOT, run, tool

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = DEPLOY / "lock"
NEEDED = {
    "processor/broker/kafka.lock.toml",
    "processor/serve/page/index.html",
    "processor/serve/page/main.js",
    "processor/serve/page/page.css",
    "schemas/asyncapi.json",
    "schemas/json/outcome-events.json",
    "schemas/py.typed",
}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive, as `make package` builds them."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def wheel_files(folder: Path) -> set[str]:
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_the_page_and_the_schemas(dist: Path) -> None:
    """What the code reads beside itself is in the wheel, and nothing of the tests."""
    files = wheel_files(dist)
    assert files >= NEEDED
    assert {name.split("/")[0] for name in files if ".dist-info" not in name} == {"processor", "schemas"}
    there = {
        str(path.relative_to(ROOT)) for path in (ROOT / "processor/serve/page").rglob("*") if path.is_file()
    }
    assert there <= files


def test_the_source_archive_makes_the_same_wheel(dist: Path, tmp_path: Path) -> None:
    """Who has only the archive can build, with every file."""
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    again = tmp_path / "again"
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "--directory", str(again)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    assert wheel_files(again) == wheel_files(dist)


def locked(name: str) -> dict[str, list[str]]:
    """A lock file's packages and versions: several, where they differ by Python or platform."""
    found: dict[str, list[str]] = {}
    for line in (LOCK / name).read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)(?:\[.*\])?==([^ ;]+)", line):
            found.setdefault(canonicalize_name(match[1]), []).append(match[2])
    return found


def asked(requirements: Iterable[str]) -> Iterator[Requirement]:
    """Requirements, with those of our own extras in their place."""
    for text in requirements:
        requirement = Requirement(text)
        if requirement.name == PROJECT["project"]["name"]:
            for extra in requirement.extras:
                yield from asked(PROJECT["project"]["optional-dependencies"][extra])
        else:
            yield requirement


@pytest.mark.parametrize(
    ("name", "extras"),
    [("dev.txt", ["dev"]), ("image.txt", ["gateway", "serve", "verdicts"])],
)
def test_the_lock_holds_what_is_asked_for(name: str, extras: list[str]) -> None:
    """A dependency that changes must be locked anew: run `make lock`."""
    versions = locked(name)
    own = [f"fleetfold[{','.join(extras)}]"]
    for requirement in asked([*PROJECT["project"]["dependencies"], *own]):
        found = versions.get(canonicalize_name(requirement.name), [])
        assert found, f"run `make lock`: {requirement.name} is not in {name}"
        for version in found:
            assert requirement.specifier.contains(Version(version)), (
                f"run `make lock`: {requirement} in {name}"
            )


def test_the_image_has_what_was_tested() -> None:
    """Image and build take the versions with which the tests ran."""
    tested = locked("dev.txt")
    for name in ("image.txt", "build.txt"):
        assert locked(name).items() <= tested.items(), f"run `make lock`: {name}"


@pytest.mark.parametrize("path", sorted(LOCK.glob("*.txt")), ids=lambda path: path.name)
def test_every_locked_package_has_hashes(path: Path) -> None:
    """No version stands without the hashes of its files, and no file comes from a named place."""
    text = path.read_text(encoding="utf-8")
    for package in re.split(r"\n(?=\S)", text):
        if not package.startswith("#"):
            assert "--hash=sha256:" in package, package
    assert "://" not in text


def test_the_bill_of_materials(tmp_path: Path) -> None:
    """`make sbom` names each locked package of the image with its version and hashes, and ourselves."""
    path = tmp_path / "bom.json"
    program = tool("cyclonedx-py", "make ops")
    options = ["--pyproject", str(ROOT / "pyproject.toml"), "--output-file", str(path)]
    run([program, "requirements", *options, str(LOCK / "image.txt")])
    bom = json.loads(path.read_text(encoding="utf-8"))
    assert bom["bomFormat"] == "CycloneDX"
    assert bom["metadata"]["component"]["name"] == "fleetfold"
    named = {(canonicalize_name(one["name"]), one["version"]) for one in bom["components"]}
    assert named == {(name, each) for name, versions in locked("image.txt").items() for each in versions}
    assert all(one["externalReferences"][0]["hashes"] for one in bom["components"])
