"""The least rights of each part stand in one table, and Kafka's commands come out of it."""

import json
import shlex

import pytest
from typer.testing import CliRunner

from processor.cli.main import app
from processor.rights import ROLES, acl_commands, rights
from processor.settings import load_settings
from schemas.topics import ALIASES, CORRECTIONS, OUTCOME_EVENTS, ROUTED_EVENTS, TOPICS, VERDICTS


def test_only_a_worker_writes_results() -> None:
    """A publisher can do nothing but publish, and a reader changes nothing."""
    settings = load_settings(topic_prefix="p-")
    publisher = rights("publisher", settings)
    assert [(right.name, right.operation) for right in publisher] == [(f"p-{OUTCOME_EVENTS}", "Write")]
    assert {right.operation for right in rights("reader", settings)} == {"Read", "Describe"}


def test_a_worker_may_write_every_topic_and_use_its_own_names() -> None:
    """Every topic but an operator's and the verdicts' is named; group and ids are the application's."""
    settings = load_settings(topic_prefix="p-", app_id="fold")
    worker = rights("worker", settings)
    written = {right.name for right in worker if right.resource == "topic" and right.operation == "Write"}
    assert written == {f"p-{spec.name}" for spec in TOPICS} - {
        f"p-{name}" for name in (CORRECTIONS, ALIASES, VERDICTS)
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
    assert "publisher, reader, worker or verdicts" in wrong.output
