"""JSON Schema files follow from the types: `python -m schemas.jsonschema` writes them, `--check` compares.

A schema of what publishers send says what may come in; the others say what is written, and that all of it is.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from pydantic import BaseModel

from schemas.aliases import AliasRecord
from schemas.cofailure import CoFailure
from schemas.corrections import Correction
from schemas.fleet import FleetTotals
from schemas.history import HistoryDay
from schemas.internal import CheckpointRecord, DeadLetterHeaders, HostLedger, PackedDeltas, PackedPairs
from schemas.outcome import PublishedOutcome
from schemas.overrides import Override
from schemas.stats import OutcomeStats
from schemas.topics import TOPICS, TopicSpec
from schemas.verdicts import ComponentVerdicts

__all__ = ["EXAMPLES_FOLDER", "FOLDER", "MODELS", "main", "rendered", "stale"]

FOLDER: Final = Path(__file__).parent / "json"
EXAMPLES_FOLDER: Final = Path(__file__).parent / "examples"

MODELS: Final[Mapping[str, type[BaseModel]]] = {
    model.__name__: model
    for model in (
        PublishedOutcome,
        PackedDeltas,
        PackedPairs,
        HostLedger,
        OutcomeStats,
        CoFailure,
        HistoryDay,
        FleetTotals,
        ComponentVerdicts,
        CheckpointRecord,
        DeadLetterHeaders,
        AliasRecord,
        Correction,
        Override,
    )
}
"""The model of each topic's values, by the name that the topic table gives it."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def rendered() -> dict[str, bytes]:
    """Return the content of each file by its name, in the order of the topic table."""
    return {f"{spec.name}.json": _render(spec) for spec in TOPICS}


def _render(spec: TopicSpec) -> bytes:
    schema = {
        "$schema": _DIALECT,
        "$comment": f"The topic {spec.name}; its key: {spec.key}",
        **_schema_of(spec),
    }
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _schema_of(spec: TopicSpec) -> dict[str, Any]:
    model = MODELS[spec.value]
    return model.model_json_schema(mode="validation" if model is PublishedOutcome else "serialization")


def stale(folder: Path = FOLDER) -> list[str]:
    """Return the names of files that are missing, differ from the types, or belong to no topic."""
    wanted = rendered()
    found = {path.name: path.read_bytes() for path in folder.glob("*.json")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def main(arguments: Sequence[str]) -> int:
    """Write the files, or with `--check` compare them.

    Returns:
        0 done, 1 some files are not current, 2 an argument that is not known.
    """
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m schemas.jsonschema [--check]\n")
        return 2
    if arguments:
        names = stale()
        for name in names:
            sys.stdout.write(f"{FOLDER / name} is not current: run python -m schemas.jsonschema\n")
        return 1 if names else 0
    FOLDER.mkdir(exist_ok=True)
    for name in stale():
        (FOLDER / name).unlink(missing_ok=True)
    for name, content in rendered().items():
        (FOLDER / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
