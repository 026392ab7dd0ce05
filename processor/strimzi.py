"""A role's rights as a Strimzi `KafkaUser`, which gives a user its password or certificate and its rights.

Written as YAML by hand, as a list of rights needs no library: texts are quoted as JSON, which YAML reads.
"""

import json
import re
from itertools import groupby
from typing import Literal, get_args

from processor.errors import SettingsError
from processor.rights import Right, Role, rights
from processor.settings import Settings

__all__ = ["AUTHENTICATIONS", "Authentication", "kafka_user"]

Authentication = Literal["scram-sha-512", "tls"]
AUTHENTICATIONS: tuple[Authentication, ...] = get_args(Authentication)

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_NAME_MAX = 63  # it becomes a label's value as well
_TYPES = {"topic": "topic", "group": "group", "transactional-id": "transactionalId"}


def kafka_user(
    role: Role,
    user: str,
    settings: Settings,
    *,
    cluster: str = "fleetfold",
    authentication: Authentication = "scram-sha-512",
    rate_bytes: int = 0,
) -> str:
    """Return the manifest of one user.

    Args:
        role: which part the user is.
        user: its name: of the resource, of the secret that Strimzi makes, and of the principal.
        settings: topic prefix and application id.
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
    lines = [
        "apiVersion: kafka.strimzi.io/v1beta2",
        "kind: KafkaUser",
        "metadata:",
        f"  name: {_text(user)}",
        "  labels:",
        f"    strimzi.io/cluster: {_text(cluster)}",
        "spec:",
        "  authentication:",
        f"    type: {authentication}",
    ]
    if rate_bytes:
        lines += ["  quotas:", f"    producerByteRate: {rate_bytes}"]
    lines += ["  authorization:", "    type: simple", "    acls:"]
    for thing, allowed in groupby(rights(role, settings), lambda right: (right.resource, right.name)):
        lines += _rule(thing[0], thing[1], list(allowed))
    return "\n".join(lines)


def _rule(resource: str, name: str, allowed: list[Right]) -> list[str]:
    pattern = "prefix" if allowed[0].is_prefix else "literal"
    operations = ", ".join(right.operation for right in allowed)
    return [
        "      - resource:",
        f"          type: {_TYPES[resource]}",
        f"          name: {_text(name)}",
        f"          patternType: {pattern}",
        f"        operations: [{operations}]",
        '        host: "*"',
    ]


def _text(text: str) -> str:
    return json.dumps(text)
