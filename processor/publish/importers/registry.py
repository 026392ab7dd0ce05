"""Importers are found by their entry points, built-in ones and other packages' in the same way."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from processor.errors import FleetfoldError
from processor.publish.importers.base import Importer, LogFile
from processor.publish.logfiles import find_logs

__all__ = ["GROUP", "ImporterError", "Installed", "find_logs_for", "importer_named", "installed", "rivals_of"]

GROUP = "fleetfold.importers"


class ImporterError(FleetfoldError):
    """There is no such importer, or it cannot be loaded."""


@dataclass(frozen=True, slots=True)
class Installed:
    """An importer's name, the packages that bring it, and itself, or why it cannot be loaded."""

    name: str
    packages: tuple[str, ...]
    importer: Importer | None
    problem: str = ""


def installed(points: Iterable[EntryPoint] | None = None) -> Mapping[str, Installed]:
    """Return what is installed, by name and in the order of names.

    Args:
        points: the entry points to look at; those of the environment when None.
    """
    by_name: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP) if points is None else points:
        by_name.setdefault(point.name, []).append(point)
    return {name: _load(name, list(dict.fromkeys(by_name[name]))) for name in sorted(by_name)}


def importer_named(name: str, known: Mapping[str, Installed]) -> Importer:
    """Return an importer.

    Raises:
        ImporterError: nothing has that name, two packages do, or it cannot be loaded.
    """
    found = known.get(name)
    if found is None:
        raise ImporterError(f"there is no importer {name}; there are: {', '.join(known) or 'none'}")
    if found.importer is None:
        raise ImporterError(
            f"the importer {name} of {', '.join(found.packages)} cannot be used: {found.problem}"
        )
    return found.importer


def rivals_of(importer: Importer, known: Mapping[str, Installed]) -> list[str]:
    """Return the names of the other importers that tell of the same events."""
    others = [each.importer for each in known.values() if each.importer is not None]
    same = [each.name for each in others if each.tells_of and each.tells_of == importer.tells_of]
    return [name for name in same if name != importer.name]


def find_logs_for(importer: Importer, paths: Iterable[Path], known: Mapping[str, Installed]) -> list[LogFile]:
    """Return the logs at the paths, oldest first; see `find_logs`.

    Raises:
        LogFileError: as there; a file of another format is told with the importer that reads it, if any.
    """
    others = [each.importer for each in known.values() if each.importer is not None]
    return find_logs(paths, importer, [other for other in others if other.name != importer.name])


def _load(name: str, points: list[EntryPoint]) -> Installed:
    packages = tuple(dict.fromkeys(point.dist.name if point.dist else point.value for point in points))
    if len(points) > 1:
        return Installed(name, packages, None, "two packages bring an importer of that name")
    try:
        made = points[0].load()()
    except Exception as error:  # noqa: BLE001  # a plugin may fail in any way; the others go on, and it is told
        return Installed(name, packages, None, f"{type(error).__name__}: {error}")
    if not isinstance(made, Importer):
        return Installed(name, packages, None, "it is no Importer")
    return Installed(name, packages, made)
