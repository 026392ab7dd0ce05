"""KEDA's scaling of workers on all that waits to be folded: made of the topics that a generation reads.

Events are not all: after a burst they may be taken in, and what came of them still waits as deltas. A rebuilt
generation has topics and a group of its own; while it is being built nothing of it is scaled, for
`fleetfold rebuild` runs its processes itself.
"""

from collections.abc import Iterator
from typing import Any

from processor.settings import Settings
from schemas.topics import COMPONENT_DELTAS, OUTCOME_EVENTS, PAIR_DELTAS, ROUTED_EVENTS

__all__ = ["scaling", "sources"]

_EVENTS_A_WORKER = 20_000
_BATCHES_A_WORKER = 500  # a record of deltas is what a whole batch came to; its marker counts as one more
_CALM_S = 900  # each change moves partitions and restores tables
_KEYS = {"ca": "ca.crt", "cert": "user.crt", "key": "user.key"}


def sources(settings: Settings) -> dict[str, int]:
    """Return the topics that workers of the settings' generation read, each with what one worker is for."""
    events = [OUTCOME_EVENTS, *([ROUTED_EVENTS] if settings.generation > 1 else [])]
    waiting = dict.fromkeys(events, _EVENTS_A_WORKER)
    waiting |= dict.fromkeys([COMPONENT_DELTAS, PAIR_DELTAS], _BATCHES_A_WORKER)
    return {settings.topic(name): many for name, many in waiting.items()}


def scaling(settings: Settings, *, cluster: str, least: int) -> list[dict[str, Any]]:
    """Return how KEDA proves who it is, and when it adds workers: as many as the fullest topic asks for.

    Args:
        settings: generation, topic prefix, application id; the number of partitions is the most workers.
        cluster: the name of the Kafka, of its namespace, and the start of all names.
        least: so many workers run when nothing waits.
    """
    suffix = f"-g{settings.generation}" if settings.generation > 1 else ""
    worker, scaler = f"{cluster}-worker{suffix}", f"{cluster}-scaler"
    secrets = [
        {
            "parameter": name,
            "name": f"{cluster}-cluster-ca-cert" if name == "ca" else scaler,
            "key": key,
        }
        for name, key in _KEYS.items()
    ]
    calm = {"type": "Pods", "value": 1, "periodSeconds": 300}
    down = {"stabilizationWindowSeconds": _CALM_S, "policies": [calm]}
    return [
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "TriggerAuthentication",
            "metadata": {"name": scaler},
            "spec": {"secretTargetRef": secrets},
        },
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": {"name": worker},
            "spec": {
                "scaleTargetRef": {"name": worker},
                "pollingInterval": 30,
                "minReplicaCount": least,
                "maxReplicaCount": settings.partitions,
                "advanced": {"horizontalPodAutoscalerConfig": {"behavior": {"scaleDown": down}}},
                "triggers": list(_triggers(settings, cluster, scaler)),
            },
        },
    ]


def _triggers(settings: Settings, cluster: str, scaler: str) -> Iterator[dict[str, Any]]:
    for topic, many in sources(settings).items():
        yield {
            "type": "kafka",
            "metadata": {
                "bootstrapServers": f"{cluster}-kafka-bootstrap.{cluster}.svc:9093",
                "consumerGroup": settings.group,
                "topic": topic,
                "lagThreshold": str(many),
                "allowIdleConsumers": "false",
                "tls": "enable",
            },
            "authenticationRef": {"name": scaler},
        }
