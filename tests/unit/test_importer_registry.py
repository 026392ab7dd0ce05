"""Which importers there are, and what is said when one is missing."""

from importlib.metadata import EntryPoint

import pytest

from processor.publish.importers.registry import (
    GROUP,
    ImporterError,
    importer_named,
    installed,
    rivals_of,
)

NDJSON = "processor.publish.importers.ndjson:NdjsonImporter"


def points(**targets: str) -> list[EntryPoint]:
    return [EntryPoint(name, target, GROUP) for name, target in targets.items()]


def test_built_in_importers() -> None:
    """Each importer that the documents name is installed under the name that it has itself."""
    known = installed()
    names = {"apt", "dpkg", "ndjson", "npm", "pip", "pip-report", "tracker"}
    assert names <= set(known)
    assert all((found := known[name].importer) is not None and found.name == name for name in names)
    assert all(importer_named(name, known).about for name in names)


def test_unknown_name() -> None:
    """X10: an unknown name is told with the names that there are."""
    with pytest.raises(ImporterError, match=r"no importer cargo; there are: .*dpkg, ndjson, npm, pip"):
        importer_named("cargo", installed())


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("no.such.module:Thing", "ModuleNotFoundError"),
        ("pathlib:Path", "it is no Importer"),
        ("processor.publish.importers.ndjson:Nothing", "AttributeError"),
    ],
)
def test_plugin_that_cannot_be_used(target: str, problem: str) -> None:
    """A plugin that cannot be loaded is told with its reason when it is used, and hides no other."""
    known = installed(points(bad=target, ndjson=NDJSON))
    assert importer_named("ndjson", known).name == "ndjson"
    with pytest.raises(ImporterError, match=problem):
        importer_named("bad", known)


def test_two_packages_with_one_name() -> None:
    """Where two packages bring the same name neither is taken by chance."""
    known = installed([*points(ndjson=NDJSON), *points(ndjson="other:Thing")])
    with pytest.raises(ImporterError, match="two packages bring an importer of that name"):
        importer_named("ndjson", known)


def test_rivals() -> None:
    """Dpkg and apt tell of the same packages; nothing else does."""
    known = installed()
    assert rivals_of(importer_named("apt", known), known) == ["dpkg"]
    assert rivals_of(importer_named("dpkg", known), known) == ["apt"]
    assert rivals_of(importer_named("pip", known), known) == []
