"""The topics as an AsyncAPI 3 document, for tools and for people who publish or read in another language.

`python -m schemas.asyncapi` writes `asyncapi.json` from the topic table and the types; `--check` compares.
The schemas of the values are the files in `json/`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from schemas.jsonschema import EXAMPLES_FOLDER
from schemas.topics import DEAD_LETTERS, OUTCOME_EVENTS, TOPICS, TopicSpec

__all__ = ["FILE", "document", "main", "rendered"]

FILE: Final = Path(__file__).parent / "asyncapi.json"
_VERSION: Final = "1.0.0"
_SCHEMA_FORMAT: Final = "application/schema+json;version=draft-2020-12"
_BINDING: Final = "0.5.0"
_ABOUT: Final = (
    "What happens to components on a fleet of machines, and what follows from it. To publish: the key is "
    "the host's id in UTF-8, and the partition is Kafka's own default for it, murmur2 of the key, as the "
    "Java client, KafkaJS, aiokafka and franz-go have it (librdkafka, and what is built on it: set "
    "`partitioner` to `murmur2_random`). The producer is idempotent, waits for all replicas "
    "(`acks=all`), and has at most 32 events of one host on their way; an event that is sent again has "
    "the same `event_id`, and counts once. To read: `isolation.level` is `read_committed`. Names of "
    "topics take an optional prefix."
)


def document() -> dict[str, Any]:
    """Return the document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Fleetfold",
            "version": _VERSION,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "variables": {"bootstrap": {"default": "127.0.0.1:9092"}},
            }
        },
        "channels": {spec.name: _channel(spec) for spec in TOPICS},
        "operations": {
            f"{action}-{spec.name}": {
                "action": action,
                "channel": {"$ref": f"#/channels/{spec.name}"},
                "summary": _summary(action, spec),
            }
            for spec in TOPICS
            for action in _actions(spec)
        },
    }


def rendered() -> bytes:
    """Return the content of the file."""
    return orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _channel(spec: TopicSpec) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "cleanup.policy": [spec.cleanup],
        "max.message.bytes": spec.max_message_bytes,
    }
    if spec.retention_ms is not None:
        settings["retention.ms"] = spec.retention_ms
    kafka = {"partitions": spec.partitions, "topicConfiguration": settings, "bindingVersion": _BINDING}
    return {
        "address": "{prefix}" + spec.name,
        "parameters": {"prefix": {"description": "Stands before each topic's name", "default": ""}},
        "description": f"Written by {', '.join(spec.written_by)}; read by {', '.join(spec.read_by)}.",
        "messages": {spec.value: _message(spec)},
        "bindings": {"kafka": kafka},
    }


def _message(spec: TopicSpec) -> dict[str, Any]:
    schema = {"schemaFormat": _SCHEMA_FORMAT, "schema": {"$ref": f"./json/{spec.name}.json"}}
    example = orjson.loads((EXAMPLES_FOLDER / f"{spec.name}.json").read_bytes())
    key = {"type": "string", "description": f"Raw bytes in UTF-8: {spec.key}"}
    bindings = {"kafka": {"key": key, "bindingVersion": _BINDING}}
    if spec.name == DEAD_LETTERS:
        shown = {"name": spec.name, "headers": example["headers"]}
        content = {"contentType": "application/octet-stream", "headers": schema}
    else:
        shown = {"name": spec.name, "payload": example["value"]}
        content = {"payload": schema}
    return {"name": spec.value, **content, "bindings": bindings, "examples": [shown]}


def _actions(spec: TopicSpec) -> tuple[str, ...]:
    """Return what Fleetfold itself does with a topic."""
    return ("receive",) if spec.name == OUTCOME_EVENTS else ("send",)


def _summary(action: str, spec: TopicSpec) -> str:
    if action == "receive":
        return "Outcomes that others publish are folded, each once"
    return f"Fleetfold writes; for {', '.join(spec.read_by)}"


def main(arguments: Sequence[str]) -> int:
    """Write the file, or with `--check` compare it.

    Returns:
        0 done, 1 the file is not current, 2 an argument that is not known.
    """
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m schemas.asyncapi [--check]\n")
        return 2
    if arguments:
        if FILE.exists() and FILE.read_bytes() == rendered():
            return 0
        sys.stdout.write(f"{FILE} is not current: run python -m schemas.asyncapi\n")
        return 1
    FILE.write_bytes(rendered())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
