"""Rights as a Strimzi `KafkaUser`, which gives a user its password or certificate and its rights.

Written as YAML by hand, for a worker has no library for it: texts are quoted as JSON, which YAML reads.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Literal, get_args

from processor.errors import SettingsError
from processor.rights import Right

__all__ = ["API_VERSION", "AUTHENTICATIONS", "Authentication", "as_yaml", "kafka_user"]

API_VERSION = "kafka.strimzi.io/v1"
Authentication = Literal["scram-sha-512", "tls"]
AUTHENTICATIONS: tuple[Authentication, ...] = get_args(Authentication)

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_NAME_MAX = 63  # it becomes a label's value as well
_TYPES = {"topic": "topic", "group": "group", "transactional-id": "transactionalId"}


def kafka_user(
    user: str,
    allowed: Iterable[Right],
    *,
    cluster: str = "fleetfold",
    authentication: Authentication = "scram-sha-512",
    rate_bytes: int = 0,
) -> dict[str, Any]:
    """Return the manifest of one user.

    Args:
        user: its name: of the resource, of the secret that Strimzi makes, and of the principal.
        allowed: its rights, those on one thing together.
        cluster: the name of the `Kafka` resource.
        authentication: how the user proves itself.
        rate_bytes: bytes a second that it may write to each broker; 0: any number.

    Raises:
        SettingsError: Kubernetes takes no such name.
    """
    for name in (user, cluster):
        if not _NAME.fullmatch(name) or len(name) > _NAME_MAX:
            raise SettingsError(
                f"Kubernetes takes no name {name!r}: it must be at most {_NAME_MAX} small letters, digits, "
                "`-` and `.`"
            )
    things = groupby(allowed, lambda right: (right.resource, right.name, right.is_prefix))
    return {
        "apiVersion": API_VERSION,
        "kind": "KafkaUser",
        "metadata": {"name": user, "labels": {"strimzi.io/cluster": cluster}},
        "spec": {
            "authentication": {"type": authentication},
            **({"quotas": {"producerByteRate": rate_bytes}} if rate_bytes else {}),
            "authorization": {
                "type": "simple",
                "acls": [
                    {
                        "resource": {
                            "type": _TYPES[resource],
                            "name": name,
                            "patternType": "prefix" if is_prefix else "literal",
                        },
                        "operations": [right.operation for right in rights],
                    }
                    for (resource, name, is_prefix), rights in things
                ],
            },
        },
    }


def as_yaml(manifest: dict[str, Any]) -> str:
    """Return a manifest as YAML."""
    return "\n".join(_lines(manifest))


def _lines(value: dict[str, Any]) -> Iterator[str]:
    for key, part in value.items():
        if isinstance(part, dict):
            yield f"{key}:"
            yield from (f"  {line}" for line in _lines(part))
        elif isinstance(part, list) and isinstance(part[0], dict):
            yield f"{key}:"
            for item in part:
                first, *others = _lines(item)
                yield f"  - {first}"
                yield from (f"    {line}" for line in others)
        else:
            yield f"{key}: {json.dumps(part)}"
