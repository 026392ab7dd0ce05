"""The AsyncAPI document: current, valid by the specification's own schema, and pointing at what is there."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from schemas.asyncapi import FILE, document, main, rendered
from schemas.topics import OUTCOME_EVENTS, TOPICS

SPECIFICATION = Path(__file__).parents[1] / "data" / "asyncapi" / "3.0.0.json"


def test_file_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    """A change of a type or topic must be written: `python -m schemas.asyncapi`."""
    assert main(["--check"]) == 0, capsys.readouterr().out
    assert FILE.read_bytes() == rendered()
    assert main(["--nonsense"]) == 2


def test_document_is_valid() -> None:
    """It is an AsyncAPI 3.0.0 document by the schema of the specification; a broken one is not."""
    validator = Draft7Validator(orjson.loads(SPECIFICATION.read_bytes()))
    assert [error.message for error in validator.iter_errors(document())] == []
    broken: dict[str, Any] = document() | {"operations": {"x": {"action": "whisper"}}}
    assert list(validator.iter_errors(broken)) != []


def test_references_lead_somewhere() -> None:
    """Each topic has a channel; each schema is a file beside the document, and its example is valid by it."""
    channels = document()["channels"]
    assert list(channels) == [spec.name for spec in TOPICS]
    for channel in channels.values():
        (message,) = channel["messages"].values()
        part = "payload" if "payload" in message else "headers"
        file = FILE.parent / message[part]["schema"]["$ref"]
        (example,) = message["examples"]
        Draft202012Validator(orjson.loads(file.read_bytes())).validate(example[part])
    for operation in document()["operations"].values():
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in channels


def test_it_says_what_a_publisher_must_know() -> None:
    """S12: the key, the partitioner by its name in each client, and how to be counted once."""
    about = document()["info"]["description"]
    for word in ("murmur2_random", "acks=all", "event_id", "32", "read_committed"):
        assert word in about
    assert document()["operations"][f"receive-{OUTCOME_EVENTS}"]["action"] == "receive"
