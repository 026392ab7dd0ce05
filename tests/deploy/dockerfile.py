"""Reads a Dockerfile of the plain kind that ours is, and does its steps in a folder, without Docker."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.tools import ROOT

__all__ = ["Instruction", "Stage", "build", "stages"]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its word, and the rest of its line."""

    word: str
    rest: str


@dataclass(frozen=True, slots=True)
class Stage:
    """What stands from one FROM to the next."""

    name: str
    instructions: list[Instruction]

    def all(self, word: str) -> list[str]:
        """Return the rest of every instruction of a kind."""
        return [one.rest for one in self.instructions if one.word == word]

    def command(self) -> list[str]:
        """Return what a container runs."""
        return [*json.loads(self.all("ENTRYPOINT")[0]), *json.loads(self.all("CMD")[0])]

    def health_check(self) -> list[str]:
        """Return what is asked whether a container is well."""
        command: list[str] = json.loads(self.all("HEALTHCHECK")[0].partition("CMD ")[2])
        return command

    def environment(self) -> dict[str, str]:
        """Return what every process of a container is told."""
        return dict(variable.split("=", 1) for variable in self.all("ENV"))


def stages(path: Path) -> list[Stage]:
    """Return a Dockerfile's stages; comments and the arguments before the first are left out."""
    found: list[Stage] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append(Stage(rest.partition(" AS ")[2], []))
        elif found:
            found[-1].instructions.append(Instruction(word, rest))
    return found


def build(stage: Stage, folder: Path) -> None:
    """Do a stage's COPY and RUN steps with a folder in place of the image's root.

    Raises:
        subprocess.CalledProcessError: a step failed.
    """
    within = folder
    bin_dir = folder / "bin"
    bin_dir.mkdir(parents=True)
    (bin_dir / "python").symlink_to(sys.executable)
    # The steps of an image know nothing of the virtual environment that the tests run in.
    environment = {
        name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}
    }
    environment["PIP_NO_COMPILE"] = "1"  # spares a third of the time; all that runs compiles for itself
    environment["PATH"] = f"{bin_dir}:/usr/bin:/bin"
    for one in stage.instructions:
        if one.word == "WORKDIR":
            within = folder / one.rest.lstrip("/")
            within.mkdir(parents=True)
        elif one.word == "COPY":
            *sources, target = shlex.split(one.rest)
            for source in sources:
                _copy(ROOT / source, within / target, is_folder=target.endswith("/"))
        elif one.word == "RUN":
            step = one.rest.replace("/opt/", f"{folder}/opt/").replace("/src/", f"{folder}/src/")
            subprocess.run(["/bin/sh", "-e", "-c", step], cwd=within, env=environment, check=True)


def _copy(source: Path, target: Path, *, is_folder: bool) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        return
    if is_folder:
        target.mkdir(parents=True, exist_ok=True)
        target = target / source.name
    shutil.copy(source, target)
