"""X11: what is found wrong with topics, and how each problem says what mends it."""

import pytest

from processor.settings import Settings, load_settings
from processor.topics import problems_of, required_config
from schemas.topics import (
    CHECKPOINTS,
    COMPONENT_DELTAS,
    COMPONENT_STATS,
    CORRECTIONS,
    DEAD_LETTERS,
    OUTCOME_EVENTS,
    TOPICS,
)


@pytest.fixture
def settings() -> Settings:
    return load_settings(topic_prefix="p-", bootstrap="h:1", partitions=4)


def as_they_should_be(settings: Settings) -> tuple[dict[str, int], dict[str, dict[str, str]]]:
    """Return counts and settings without a problem; a broker reports all keys, ours or its defaults."""
    defaults = {"retention.ms": "604800000", "retention.bytes": "-1", "message.timestamp.type": "CreateTime"}
    counts = {settings.topic(spec.name): 1 if spec.one_order else 4 for spec in TOPICS}
    return counts, {
        settings.topic(spec.name): {**defaults, **required_config(spec, settings)} for spec in TOPICS
    }


def test_topics_as_created_have_no_problem(settings: Settings) -> None:
    """What `create` makes, `verify` accepts; brokers' defaults on compacted topics do no harm."""
    counts, configs = as_they_should_be(settings)
    assert problems_of(counts, configs, settings) == []


@pytest.mark.parametrize("spec", TOPICS, ids=lambda spec: spec.name)
def test_missing_topic(settings: Settings, spec: object) -> None:
    """X10, X11: a missing topic is named with its full name and the command that makes it."""
    counts, configs = as_they_should_be(settings)
    name = settings.topic(spec.name)  # type: ignore[attr-defined]  # TopicSpec, as parametrized
    del counts[name]
    (problem,) = problems_of(counts, configs, settings)
    assert (problem.topic, problem.what) == (name, "is missing")
    assert "fleetfold topics create" in problem.mend


@pytest.mark.parametrize("name", [COMPONENT_DELTAS, COMPONENT_STATS, CHECKPOINTS])
def test_other_partition_count(settings: Settings, name: str) -> None:
    """X11: a topic with another count of partitions than the others is refused."""
    counts, configs = as_they_should_be(settings)
    counts[settings.topic(name)] = 1
    (problem,) = problems_of(counts, configs, settings)
    assert problem.topic == f"p-{name}"
    assert problem.what == "has 1 partition, and 4 partitions are wanted"


def test_events_with_other_partitions_say_what_to_set(settings: Settings) -> None:
    """X11: where the topics are right and the setting is not, the mend is the setting."""
    counts, configs = as_they_should_be(settings)
    counts = {name: 8 if count == 4 else count for name, count in counts.items()}
    first = problems_of(counts, configs, settings)[0]
    assert first.topic == f"p-{OUTCOME_EVENTS}"
    assert "FLEETFOLD_PARTITIONS=8" in first.mend


def test_dead_letters_may_have_any_count(settings: Settings) -> None:
    """No state depends on the partitions of dead letters."""
    counts, configs = as_they_should_be(settings)
    counts[settings.topic(DEAD_LETTERS)] = 1
    assert problems_of(counts, configs, settings) == []


def test_the_order_of_corrections_is_one(settings: Settings) -> None:
    """Corrections are obeyed in the order of their log, so it has one partition, whatever the others have."""
    counts, configs = as_they_should_be(settings)
    counts[settings.topic(CORRECTIONS)] = 4
    (problem,) = problems_of(counts, configs, settings)
    assert (problem.topic, problem.what) == ("p-corrections", "has 4 partitions, and 1 partition is wanted")


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        (COMPONENT_STATS, "cleanup.policy", "delete"),
        (COMPONENT_STATS, "cleanup.policy", "compact,delete"),
        (OUTCOME_EVENTS, "cleanup.policy", "compact"),
        (OUTCOME_EVENTS, "retention.ms", "604800000"),
        (OUTCOME_EVENTS, "message.timestamp.type", "CreateTime"),
        (COMPONENT_DELTAS, "retention.ms", "604800000"),
        (COMPONENT_DELTAS, "retention.bytes", "1000000"),
        (CHECKPOINTS, "cleanup.policy", "delete"),
        (COMPONENT_STATS, "max.message.bytes", "1000"),
    ],
)
def test_wrong_setting(settings: Settings, name: str, key: str, value: str) -> None:
    """X11: a setting by which the topic could lose or refuse rows is named, with its mend."""
    counts, configs = as_they_should_be(settings)
    wanted = configs[f"p-{name}"][key]
    configs[f"p-{name}"][key] = value
    (problem,) = problems_of(counts, configs, settings)
    assert problem.topic == f"p-{name}"
    assert f"{key}={value}" in problem.what
    assert "--bootstrap-server h:1" in problem.mend
    assert f"--entity-name p-{name} --add-config {key}={wanted}" in problem.mend


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        (COMPONENT_STATS, "message.timestamp.type", "LogAppendTime"),
        (COMPONENT_STATS, "max.message.bytes", "10000000"),
        (DEAD_LETTERS, "retention.ms", "-1"),
    ],
)
def test_harmless_setting(settings: Settings, name: str, key: str, value: str) -> None:
    """An operator's choice that loses nothing does not stop a worker."""
    counts, configs = as_they_should_be(settings)
    configs[f"p-{name}"][key] = value
    assert problems_of(counts, configs, settings) == []


def test_a_shorter_retention_of_events_can_be_chosen() -> None:
    """Who sets FLEETFOLD_EVENTS_RETENTION_MS gets such a topic, and no complaint about it."""
    settings = load_settings(events_retention_ms=86_400_000)
    counts, configs = as_they_should_be(settings)
    assert configs[OUTCOME_EVENTS]["retention.ms"] == "86400000"
    assert problems_of(counts, configs, settings) == []
