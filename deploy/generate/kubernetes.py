"""Strimzi's topics and users: made of the topic table, the settings and the table of rights."""

from typing import Any, Final

from processor.rights import ROLES, Right, rights
from processor.settings import Settings
from processor.topics import partitions_of, required_config
from schemas.topics import OUTCOME_EVENTS, TOPICS

__all__ = ["CLUSTER", "SETTINGS", "topics", "users"]

CLUSTER: Final = "fleetfold"
_API = "kafka.strimzi.io/v1"
_LABELS = {"strimzi.io/cluster": CLUSTER}
_IN_SYNC = 2

# Built without looking at the environment, so that the files are the same wherever they are made.
SETTINGS: Final = Settings.model_construct(partitions=12, replication_factor=3)

_TYPES = {"topic": "topic", "group": "group", "transactional-id": "transactionalId"}


def topics() -> list[dict[str, Any]]:
    """Return a KafkaTopic for each topic of the contract."""
    return [
        {
            "apiVersion": _API,
            "kind": "KafkaTopic",
            "metadata": {"name": SETTINGS.topic(spec.name), "labels": _LABELS},
            "spec": {
                "partitions": partitions_of(spec, SETTINGS),
                "replicas": SETTINGS.replication_factor,
                "config": {**required_config(spec, SETTINGS), "min.insync.replicas": str(_IN_SYNC)},
            },
        }
        for spec in TOPICS
    ]


def users() -> list[dict[str, Any]]:
    """Return a KafkaUser for each part, and one for KEDA, which only asks how much is left to fold."""
    asks = [
        Right("topic", SETTINGS.topic(OUTCOME_EVENTS), "Describe"),
        Right("group", SETTINGS.app_id, "Describe"),
    ]
    made = [_user(role, rights(role, SETTINGS)) for role in ROLES]
    return [*made, _user("scaler", asks)]


def _user(name: str, allowed: list[Right]) -> dict[str, Any]:
    operations: dict[tuple[str, str, bool], list[str]] = {}
    for right in allowed:
        operations.setdefault((right.resource, right.name, right.is_prefix), []).append(right.operation)
    return {
        "apiVersion": _API,
        "kind": "KafkaUser",
        "metadata": {"name": f"{CLUSTER}-{name}", "labels": _LABELS},
        "spec": {
            "authentication": {"type": "tls"},
            "authorization": {
                "type": "simple",
                "acls": [
                    {
                        "resource": {
                            "type": _TYPES[resource],
                            "name": thing,
                            "patternType": "prefix" if is_prefix else "literal",
                        },
                        "operations": names,
                    }
                    for (resource, thing, is_prefix), names in operations.items()
                ],
            },
        },
    }
