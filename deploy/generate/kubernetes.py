"""Strimzi's topics and users: made of the topic table, the settings and the table of rights."""

from typing import Any, Final

from deploy.generate.scaling import sources
from processor.rights import ROLES, Right, rights
from processor.settings import Settings
from processor.strimzi import API_VERSION, kafka_user
from processor.topics import partitions_of, required_config
from schemas.topics import TOPICS

__all__ = ["CLUSTER", "SETTINGS", "topics", "users"]

CLUSTER: Final = "fleetfold"
_LABELS = {"strimzi.io/cluster": CLUSTER}
_IN_SYNC = 2

# Built without looking at the environment, so that the files are the same wherever they are made.
SETTINGS: Final = Settings.model_construct(partitions=12, replication_factor=3)


def topics() -> list[dict[str, Any]]:
    """Return a KafkaTopic for each topic of the contract."""
    return [
        {
            "apiVersion": API_VERSION,
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
    asks = [Right("topic", topic, "Describe") for topic in sources(SETTINGS)]
    asks.append(Right("group", SETTINGS.group, "Describe"))
    needed_by: dict[str, list[Right]] = {role: rights(role, SETTINGS) for role in ROLES}
    needed_by["scaler"] = asks
    return [
        kafka_user(f"{CLUSTER}-{name}", needed, cluster=CLUSTER, authentication="tls")
        for name, needed in needed_by.items()
    ]
