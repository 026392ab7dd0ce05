"""The least rights follow from the topics' table; Kafka's commands and Strimzi's users from the rights."""

import json
import shlex
from collections import defaultdict
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from processor.app import engine_config
from processor.cli.main import app
from processor.errors import SettingsError
from processor.rights import PARTS, ROLES, Role, acl_commands, part_of, rights
from processor.settings import Settings, load_settings
from processor.strimzi import as_yaml, kafka_user
from schemas.topics import COMPONENT_STATS, OUTCOME_EVENTS, ROUTED_EVENTS, TOPICS, VERDICTS, topics_of


def test_every_part_of_the_topics_table_has_a_role() -> None:
    """A new topic whose writer or reader has no role cannot be forgotten: name the part in `PARTS`."""
    named = {part_of(part) for spec in topics_of(2) for part in (*spec.written_by, *spec.read_by)}
    assert named <= set(PARTS)


def test_the_rights_are_those_of_the_topics_table() -> None:
    """Whoever writes a topic may write it, whoever reads it may read it, and nobody else."""
    settings = load_settings(topic_prefix="p-")
    for role in ROLES:
        found = {(right.name, right.operation) for right in rights(role, settings)}
        for spec in TOPICS:
            reads = any(PARTS[part_of(part)] == role for part in spec.read_by)
            writes = any(PARTS[part_of(part)] == role for part in spec.written_by)
            assert ((f"p-{spec.name}", "Read") in found) is reads, (role, spec.name)
            assert ((f"p-{spec.name}", "Write") in found) is writes, (role, spec.name)


@pytest.mark.parametrize("generation", [1, 2])
def test_the_events_and_the_audit_are_nobodys_to_delete(generation: int) -> None:
    """X10: a worker deletes from what it purges alone, an operator drops what can be folded again."""
    settings = load_settings(generation=generation)
    deletes = {
        role: {right.name for right in rights(role, settings) if right.operation == "Delete"}
        for role in ROLES
    }
    own = {settings.topic(spec.name) for spec in topics_of(generation) if not spec.shared}
    assert deletes["worker"] == engine_config(settings).purged_topics & own
    assert deletes["operator"] == own
    assert not any(names for role, names in deletes.items() if role not in {"worker", "operator"})


def test_who_rebuilds_a_generation_may_fold_it_and_no_other() -> None:
    """An operator writes no results of the first generation; of the one to rebuild it does."""
    first, second = (
        load_settings(topic_prefix="p-", app_id="fold", generation=1),
        load_settings(topic_prefix="p-", app_id="fold", generation=2),
    )
    assert f"p-{COMPONENT_STATS}" not in written_by("operator", first)
    assert written_by("worker", second) <= written_by("operator", second)
    needed = {right for right in rights("worker", second) if right.operation != "Describe"}
    assert needed <= set(rights("operator", second))
    assert f"p-{COMPONENT_STATS}" not in written_by("operator", second)


def written_by(role: Role, settings: Settings) -> set[str]:
    return {
        right.name
        for right in rights(role, settings)
        if (right.resource, right.operation) == ("topic", "Write")
    }


def test_only_a_worker_writes_results() -> None:
    """A publisher can do nothing but publish, and a reader changes nothing."""
    settings = load_settings(topic_prefix="p-")
    publisher = rights("publisher", settings)
    assert [(right.name, right.operation) for right in publisher] == [(f"p-{OUTCOME_EVENTS}", "Write")]
    assert {right.operation for right in rights("reader", settings)} == {"Read", "Describe"}


def test_a_worker_uses_its_own_names_and_sees_all_topics() -> None:
    """Group and transactional ids are those of the application; what it checks at its start it may see."""
    settings = load_settings(topic_prefix="p-", app_id="fold")
    worker = rights("worker", settings)
    assert {right.name for right in worker if right.operation == "DescribeConfigs"} == {
        f"p-{spec.name}" for spec in TOPICS
    }
    assert [(right.name, right.is_prefix) for right in worker if right.resource != "topic"] == [
        ("fold", False),
        ("fold-", True),
    ]


def test_the_writer_of_verdicts_writes_nothing_else() -> None:
    """One topic, under the one name that fences it."""
    found = rights("verdicts", load_settings(topic_prefix="p-", app_id="fold"))
    written = [(right.resource, right.name) for right in found if right.operation == "Write"]
    assert written == [("topic", f"p-{VERDICTS}"), ("transactional-id", "fold-verdicts")]


def test_a_rebuilt_generation_has_names_of_its_own() -> None:
    """Its worker writes nothing of the first generation, and no events."""
    settings = load_settings(topic_prefix="p-", app_id="fold", generation=2)
    worker = rights("worker", settings)
    written = {right.name for right in worker if right.resource == "topic" and right.operation == "Write"}
    assert all(name.startswith("p-g2.") for name in written)
    assert f"p-g2.{ROUTED_EVENTS}" in written
    assert [right.name for right in worker if right.resource != "topic"] == ["fold-g2", "fold-g2-"]
    assert f"p-{OUTCOME_EVENTS}" in {right.name for right in worker if right.operation == "Read"}


@pytest.mark.parametrize("role", ROLES)
def test_the_commands_say_all_rights(role: str) -> None:
    """X9: one command for each right, safe to paste into a shell whatever the user's name."""
    settings = load_settings(bootstrap="h:1")
    name = "CN=it's a name,O=x"
    known = next(each for each in ROLES if each == role)
    commands = acl_commands(known, name, settings)
    assert len(commands) == len(rights(known, settings))
    for command, right in zip(commands, rights(known, settings), strict=True):
        words = shlex.split(command)
        assert f"User:{name}" in words
        assert words[words.index("--operation") + 1] == right.operation
        assert words[words.index(f"--{right.resource}") + 1] == right.name


def test_the_command_line_prints_them() -> None:
    """As commands for people, as JSON for machines; an unknown part is refused with exit code 2."""
    runner = CliRunner()
    text = runner.invoke(app, ["access", "publisher", "--user", "ci"])
    assert text.exit_code == 0
    assert text.output.startswith("kafka-acls.sh --bootstrap-server")
    found = json.loads(runner.invoke(app, ["access", "worker", "--user", "w", "--json"]).output)
    assert {
        "user": "w",
        "resource": "group",
        "name": "fleetfold",
        "operation": "Read",
        "is_prefix": False,
    } in found
    wrong = runner.invoke(app, ["access", "admin", "--user", "w"])
    assert wrong.exit_code == 2
    assert "publisher, reader, worker, verdicts or operator" in wrong.output


def test_a_quota_is_one_command_more() -> None:
    """A flood is bounded where it comes in: `--rate-bytes` adds Kafka's own limit for the user."""
    said = CliRunner().invoke(app, ["access", "publisher", "--user", "ci", "--rate-bytes", "1000000"]).output
    words = shlex.split(said.splitlines()[-1])
    assert words[0] == "kafka-configs.sh"
    assert words[-4:] == ["--entity-name", "ci", "--add-config", "producer_byte_rate=1000000"]


@pytest.mark.parametrize("role", ROLES)
def test_a_strimzi_user_has_the_same_rights(role: str) -> None:
    """The manifest is YAML with exactly the table's rights, in Strimzi's words."""
    settings = load_settings(topic_prefix="p-", app_id="fold")
    known = next(each for each in ROLES if each == role)
    manifest: dict[str, Any] = yaml.safe_load(
        as_yaml(kafka_user("some-user", rights(known, settings), cluster="c"))
    )
    assert (manifest["kind"], manifest["metadata"]["name"]) == ("KafkaUser", "some-user")
    assert manifest["metadata"]["labels"] == {"strimzi.io/cluster": "c"}
    authorization = manifest["spec"]["authorization"]
    assert authorization["type"] == "simple"
    told: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for rule in authorization["acls"]:
        thing = rule["resource"]
        told[thing["type"], thing["name"], thing["patternType"]] += rule["operations"]
    types = {"topic": "topic", "group": "group", "transactional-id": "transactionalId"}
    wanted: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for right in rights(known, settings):
        pattern = "prefix" if right.is_prefix else "literal"
        wanted[types[right.resource], right.name, pattern].append(right.operation)
    assert told == wanted


def test_the_command_line_prints_strimzi_users() -> None:
    """Proof and quota are the asker's; what Kubernetes would refuse is refused here, with exit code 2."""
    runner = CliRunner()
    asked = ["access", "publisher", "--user", "ci", "--format", "strimzi", "--rate-bytes", "5"]
    manifest = yaml.safe_load(runner.invoke(app, [*asked, "--authentication", "tls"]).output)
    assert manifest["spec"]["authentication"] == {"type": "tls"}
    assert manifest["spec"]["quotas"] == {"producerByteRate": 5}
    for wrong in (["--authentication", "none"], ["--format", "xml"]):
        assert runner.invoke(app, [*asked, *wrong]).exit_code == 2
    with pytest.raises(SettingsError, match="Kubernetes takes no name 'CN=x'"):
        kafka_user("CN=x", [])
