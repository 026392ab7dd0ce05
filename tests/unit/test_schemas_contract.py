"""The papers of the contract: topic table, JSON Schema files, examples, and that it stands alone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from processor.domain import historyrows, ledger, packing, stats, totals
from processor.engine import checkpoints
from schemas.cofailure import parse_pair_key
from schemas.history import history_key, parse_history_key
from schemas.jsonschema import EXAMPLES_FOLDER, FOLDER, MODELS, main, stale
from schemas.topics import (
    ALIASES,
    CHECKPOINTS,
    CORRECTIONS,
    DEAD_LETTERS,
    OUTCOME_EVENTS,
    OVERRIDES,
    TOPICS,
    VERDICTS,
    TopicSpec,
)
from schemas.wire import WireError, validate_event

ROOT = Path(__file__).parents[2]
BY_NAME = {spec.name: spec for spec in TOPICS}
each_topic = pytest.mark.parametrize("spec", TOPICS, ids=lambda spec: spec.name)

IMPORT_ALONE = """
import importlib, pkgutil, sys
PYDANTICS = {"pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"}
ALLOWED = {"schemas", "orjson", *PYDANTICS}
class OthersBlocked:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in ALLOWED and top not in sys.stdlib_module_names and not top.startswith('_'):
            raise ModuleNotFoundError(f"blocked: {name}", name=name)
sys.meta_path.insert(0, OthersBlocked())
import schemas
for module in pkgutil.walk_packages(schemas.__path__, "schemas."):
    importlib.import_module(module.name)
    print(module.name)
assert "processor" not in sys.modules
"""


def example(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((EXAMPLES_FOLDER / f"{name}.json").read_bytes())
    return content


def test_topics_are_those_of_the_design() -> None:
    """S1: the topics, each name once."""
    assert [spec.name for spec in TOPICS] == [
        "outcome-events",
        "component-deltas",
        "pair-deltas",
        "host-ledger",
        "component-stats",
        "co-failures",
        "component-history",
        "fleet-totals",
        "verdicts",
        "checkpoints",
        "dead-letters",
        "corrections",
        "overrides",
        "aliases",
    ]


@each_topic
def test_nothing_of_the_state_may_expire(spec: TopicSpec) -> None:
    """S18: every topic but that of the dead letters keeps its records for ever, or the newest of each key."""
    config = spec.config()
    if spec.name == DEAD_LETTERS:
        assert int(config["retention.ms"]) > 0
    elif spec.cleanup == "compact":
        assert "retention.ms" not in config
    else:
        assert config["retention.ms"] == "-1"
    assert config["cleanup.policy"] == spec.cleanup


@each_topic
def test_age_goes_by_the_brokers_clock(spec: TopicSpec) -> None:
    """S18: where age may delete, a record with an old event time as its own would be gone at once."""
    if spec.name in {OUTCOME_EVENTS, DEAD_LETTERS, CORRECTIONS, OVERRIDES}:
        assert spec.config()["message.timestamp.type"] == "LogAppendTime"


def test_state_and_events_share_their_partitions() -> None:
    """X11: only what no state depends on may have another number of partitions."""
    others = [spec.name for spec in TOPICS if not spec.copartitioned]
    assert others == [VERDICTS, DEAD_LETTERS, CORRECTIONS, OVERRIDES, ALIASES]
    assert len({spec.partitions for spec in TOPICS if spec.copartitioned}) == 1


def test_schema_files_are_current() -> None:
    """The files in schemas/json are what the types say; `python -m schemas.jsonschema` writes them anew."""
    assert stale() == []
    assert main(["--check"]) == 0


def test_schema_check_sees_each_difference(tmp_path: Path) -> None:
    """A file that is missing, changed or left over is not current."""
    for path in FOLDER.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "outcome-events.json").write_bytes(b"{}")
    (tmp_path / "checkpoints.json").unlink()
    (tmp_path / "gone.json").write_bytes(b"{}")
    assert stale(tmp_path) == ["checkpoints.json", "gone.json", "outcome-events.json"]


def test_schema_command_refuses_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown argument is a usage error, not a rewrite of the files."""
    assert main(["--chek"]) == 2
    assert "usage" in capsys.readouterr().err


def test_each_topic_has_one_example_and_no_more() -> None:
    """The examples are complete: one file a topic."""
    assert sorted(path.stem for path in EXAMPLES_FOLDER.glob("*.json")) == sorted(BY_NAME)


@each_topic
def test_examples_are_valid(spec: TopicSpec) -> None:
    """Each example passes its topic's model, and has every field that its schema requires."""
    record = example(spec.name)
    described = record["headers"] if spec.name == DEAD_LETTERS else record["value"]
    MODELS[spec.value].model_validate_json(json.dumps(described))
    schema = json.loads((FOLDER / f"{spec.name}.json").read_bytes())
    assert set(schema.get("required", ())) <= described.keys()


@each_topic
def test_models_refuse_what_is_not_theirs(spec: TopicSpec) -> None:
    """The check of the examples can fail: no model accepts an object that has nothing of its record."""
    with pytest.raises(ValueError, match="validation error"):
        MODELS[spec.value].model_validate({"nothing": "of this"})


def test_event_example_is_what_intake_accepts() -> None:
    """X2: the example passes the stream's own validator, and its key is its host."""
    record = example(OUTCOME_EVENTS)
    assert validate_event(record["value"]).host_id == record["key"]


def test_stats_example_is_what_the_fold_writes() -> None:
    """S13, S19: the example reads and writes back to the same fields, those that are computed included."""
    record = example("component-stats")
    component_id, row = stats.from_json(orjson.dumps(record["value"]))
    assert orjson.loads(stats.to_json(component_id, row)) == record["value"]
    assert component_id == record["key"]


def test_ledger_example_is_what_the_fold_writes() -> None:
    """S13: the example reads and writes back to the same fields."""
    value = example("host-ledger")["value"]
    assert orjson.loads(ledger.encode(ledger.decode(orjson.dumps(value)))) == value


def test_delta_examples_are_what_the_folds_pack() -> None:
    """S1, S2: both examples read and pack back to the same values."""
    deltas, pairs = example("component-deltas")["value"], example("pair-deltas")["value"]
    unpacked = packing.unpack_deltas(orjson.dumps(deltas))
    rows = {component: delta for component, delta, _ in unpacked}
    spreads = {component: spread for component, _, spread in unpacked if spread is not None}
    assert [orjson.loads(value) for _, value in packing.pack_deltas(rows, spreads, 1, 1_000_000)] == [deltas]
    assert len(rows) > len(spreads) > 0
    changes = dict(packing.unpack_pairs(orjson.dumps(pairs)))
    assert [orjson.loads(value) for _, value in packing.pack_pairs(changes, 1, 1_000_000)] == [pairs]


def test_pair_example_key_names_its_value() -> None:
    """S2: a pair's key holds the ids of its value."""
    record = example("co-failures")
    value = record["value"]
    assert parse_pair_key(record["key"].encode()) == (value["component_a"], value["component_b"])


def test_history_example_key_names_its_value() -> None:
    """S1: a history row's key holds component and day of its value; its hours add up to the day."""
    record = example("component-history")
    value = record["value"]
    assert orjson.loads(historyrows.to_json("c", historyrows.from_json(orjson.dumps(value)))) == {
        **value,
        "component_id": "c",
    }
    assert parse_history_key(record["key"].encode()) == (value["component_id"], value["day"])
    assert history_key(value["component_id"], value["day"]).decode() == record["key"]
    assert [sum(counts) for counts in zip(*value["hours"].values(), strict=True)] == [
        value[name] for name in ("install_successes", "install_failures", "usage_count", "removal_count")
    ]


def test_totals_example_key_names_its_value() -> None:
    """S1: the key of a partition's totals is its number."""
    record = example("fleet-totals")
    value = record["value"]
    assert record["key"] == str(value["partition"])
    row = totals.from_json(orjson.dumps(value))
    assert orjson.loads(totals.to_json(value["partition"], row)) == value


def test_checkpoint_example_is_what_the_engine_writes() -> None:
    """S17: the engine reads the example, and its model accepts the engine's layout record too."""
    value = example(CHECKPOINTS)["value"]
    assert checkpoints.decode(orjson.dumps(value)) == value
    assert orjson.loads(checkpoints.checkpoint_value(value["offset"])) == value
    MODELS["CheckpointRecord"].model_validate_json(
        checkpoints.layout_value({"partitions": 4, "stats_version": 1})
    )


def test_dead_letter_example_is_what_its_headers_say() -> None:
    """X2: the example's value is refused for the reason and the field in its headers."""
    record = example(DEAD_LETTERS)
    with pytest.raises(WireError) as caught:
        validate_event(orjson.loads(record["value"]))
    assert caught.value.reason == record["headers"]["fleetfold-reason"]
    assert caught.value.field == record["headers"]["fleetfold-field"]
    assert len(record["value"].encode()) == int(record["headers"]["fleetfold-size"])


def test_schemas_stand_alone() -> None:
    """The contract imports with pydantic and orjson alone, and nothing of the processor."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALONE], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "schemas.wire" in done.stdout.split()


def test_tracker_needs_no_faust() -> None:
    """T: the tracker runs in process without Kafka: importing it imports no client."""
    code = (
        "import sys; from processor import OutcomeTracker; OutcomeTracker(); "
        "print(sorted({'faust', 'aiokafka', 'mode'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
